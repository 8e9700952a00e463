// The MqttConnector over libmosquitto; see mosquitto_handle.h for how acknowledgements are held.
//
// Every connect() makes a new library client: nothing of an old connection is sent again by the library, the
// owner's own queues decide. A connection that has no CONNACK within 30 s is given up. A message that the
// broker refuses (MQTT 5 PUBACK with a reason of 0x80 and above) closes the connection with that reason.
// Lifetime: `loop` and `watcher` must outlive the connector, and it every client. A name resolution that
// hangs does not hold up the end of the program: its thread is left alone.
#pragma once

#include <memory>

#include "platform/fd_watch.h"
#include "platform/loop.h"
#include "platform/mqtt.h"

namespace tidemark {

std::unique_ptr<MqttConnector> make_mosquitto_connector(Loop& loop, FdWatcher& watcher);

}  // namespace tidemark
