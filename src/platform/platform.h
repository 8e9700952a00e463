// Platform: the doors to the outside, made once at start and handed to what needs several of them.
//
// Rooms take the single doors they use; only the places that make sources and sinks from the configuration
// are handed the whole. Lifetime: everything in here outlives everything made with it.
#pragma once

namespace tidemark {

class ByteOutput;
class Clock;
class Files;
class Lane;
class Log;
class Loop;
class MqttConnector;
class Network;
class Random;
class SqliteOpener;
class WrittenBytes;

struct Platform {
  Clock& clock;
  Loop& loop;
  Files& files;
  Lane& journal_lane;
  Lane& bulk_lane;
  Network& network;
  MqttConnector& mqtt;
  SqliteOpener& sqlite;
  Log& log;
  Random& random;
  ByteOutput& standard_output;
  const WrittenBytes* written = nullptr;  // by `files` and `sqlite`; null: nobody counts
};

}  // namespace tidemark
