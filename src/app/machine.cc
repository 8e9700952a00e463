#include "app/machine.h"

#include <unistd.h>

#include "pipeline/appliance.h"
#include "platform/descriptors.h"
#include "platform/mosquitto_client.h"
#include "platform/posix_files.h"
#include "platform/socket_network.h"

namespace tidemark {

Machine::Machine(const SpdlogLog::Options& log, const std::string& data_dir)
    : written_(written_places(data_dir), WrittenFor::sinks),
      log_(STDERR_FILENO, clock_),
      loop_(clock_),
      files_(make_posix_files(&written_)),
      sqlite_(make_sqlite_opener(written_)),
      output_(STDOUT_FILENO, "standard output"),
      network_(make_socket_network(loop_, loop_)),
      mqtt_(make_mosquitto_connector(loop_, loop_)),
      journal_lane_(loop_, "tidemark-jrnl"),
      bulk_lane_(loop_, "tidemark-bulk"),
      platform_{.clock = clock_,
                .loop = loop_,
                .files = *files_,
                .journal_lane = journal_lane_,
                .bulk_lane = bulk_lane_,
                .network = *network_,
                .mqtt = *mqtt_,
                .sqlite = *sqlite_,
                .log = log_,
                .random = random_,
                .standard_output = output_,
                .written = &written_} {
  log_.set(log);
  raise_descriptor_limit();
}

}  // namespace tidemark
