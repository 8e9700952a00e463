// Sparkplug B (Sparkplug 3.0 specification): what edge nodes and their devices say over MQTT, a record a
// metric.
//
//   topics     spBv1.0/GROUP/TYPE/NODE[/DEVICE] with the types NBIRTH DBIRTH NDATA DDATA NDEATH DDEATH.
//              Commands (NCMD, DCMD) and STATE are no records; any other topic is an error
//   columns    group node device   out of the topic; device is NULL for what the node itself says
//              event               'birth', 'data' or 'death'
//              metric value type   type as the specification names it ('Double'); bytes are hex digits;
//                                  arrays, data sets and templates JSON text; a DateTime milliseconds
//              timestamp           milliseconds: of the metric, else of the message; of a node's death its
//                                  arrival, because that message was written when the node connected
//              historical          true: it was kept back and sent later
//              properties.NAME     a property of the metric; a property set is JSON text
//   records    of a birth: one without a metric, then one a metric. Of data: one a metric. Of a death: one
//              without a metric, and when a node dies one for each of its devices, by name
//   births     say the metrics' names, types and aliases, which hold until the node's or device's death or
//              next birth (sparkplug_births.h); one that cannot be read ends what was known. A metric whose
//              alias is not known is a bad record, as is an integer whose type is not
//   sequence   gaps in the numbers of a node's messages are counted and reported, and nothing else; the
//              death of an earlier session (another bdSeq than the birth's) is counted and passed over
//   limits     max_depth of templates and property sets; max_record of what a value is as JSON; births
#pragma once

#include "decode/decoder.h"
#include "state/entry_table.h"

namespace tidemark {

std::unique_ptr<RecordDecoder> make_sparkplug_decoder(const DecoderOptions& options);
std::optional<std::string> sparkplug_refuses(const FormatSettings& format, const RecordPath& path);
// A table as the decoder's memory keeps it, empty.
std::unique_ptr<EntryTable> make_sparkplug_table(std::uint64_t hash_seed);

}  // namespace tidemark
