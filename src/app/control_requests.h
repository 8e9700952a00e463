// What the control socket can be asked. Protocol: control_server.h.
//
//   {"command":"status"}                             the report (status_json.h)
//   {"command":"checkpoint-create"}                  {"id":"chk-42"}
//   {"command":"checkpoint-list"}                    an array of rows (checkpoint_json.h), oldest first
//   {"command":"checkpoint-show","id":"chk-42"}      the manifest (checkpoint_json.h)
//   {"command":"checkpoint-verify","id":"chk-42"}    {"id":"chk-42"}, or an error: what does not verify
//   {"command":"pipeline-resume","id":"NAME"}        {} once that is durable
//   {"command":"stop"}                               {} once the instance has stopped; its process then ends
//   {"command":"stop","drain":true}                  the same, with every open window closed before
//
//   {"command":"checkpoint-delete","id":"chk-42","force":true}   {"id":"chk-42"}
//   {"command":"checkpoint-read","id":"chk-42"}      {"bytes":"<hex>","last":true}: the manifest as stored
//   {"command":"checkpoint-read","id":"chk-42","segment":"7-2-1","from":0}   about 1 MiB of its rows
// and, streamed:
//   {"command":"state","pipeline":"p","keys":[["k","v"]]}   items ["<key in hex>",{row}]; then
//                                                    {"columns":[…],"position":12}
//   {"command":"tap","name":"plant"}                 items {record} or {result}, or {"missed":12} after what
//                                                    the client was too slow for, until it hangs up
//
//   {"command":"savepoint-create","file":true}       {"id":"chk-42"} once the file that came along is synced
//   {"command":"savepoint-stop","file":true}         {} once it is, and the instance has stopped
//
// Threads: loop only.   Lifetime: the appliance outlives the handler.
#pragma once

#include <functional>

#include "app/control_server.h"
#include "pipeline/appliance.h"

namespace tidemark {

// `stop` stops the instance by command and tells its callback how that went.
using StopRequest = std::function<void(bool drain, std::function<void(Status)> stopped)>;

ControlServer::Handler make_control_handler(Appliance& appliance, StopRequest stop);
ControlServer::Streams make_control_streams(Appliance& appliance, Loop& loop);

// `stop` stops the instance with a last savepoint.
using SavepointStop = std::function<void(SavepointTarget target, std::function<void(Status)> stopped)>;
ControlServer::FileHandler make_file_handler(Appliance& appliance, SavepointStop stop);

}  // namespace tidemark
