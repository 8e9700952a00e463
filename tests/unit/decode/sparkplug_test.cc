#include <doctest/doctest.h>

#include <limits>

#include "decode/memory.h"
#include "decoding.h"
#include "samples.h"
#include "state/row.h"
#include "support/sparkplug_message.h"

namespace tidemark {
namespace {

using test::Decoding;
using test::Message;
using test::Metric;
using test::Protobuf;
using Texts = std::vector<std::string>;

// Numbers of the specification.
enum Type : std::uint32_t {
  kInt8 = 1,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kFloat,
  kDouble
};
enum MoreTypes : std::uint32_t {
  kBoolean = 11,
  kString,
  kDateTime,
  kText,
  kUuid,
  kDataSet,
  kBytes,
  kFile,
  kTemplate
};

constexpr std::string_view kNodeBirth = "spBv1.0/G/NBIRTH/N", kNodeData = "spBv1.0/G/NDATA/N",
                           kNodeDeath = "spBv1.0/G/NDEATH/N", kBirth = "spBv1.0/G/DBIRTH/N/D",
                           kData = "spBv1.0/G/DDATA/N/D", kDeath = "spBv1.0/G/DDEATH/N/D";

Decoding sparkplug(std::initializer_list<std::string_view> reads, LimitSettings limits = {},
                   std::initializer_list<std::string_view> types = {}) {
  return Decoding(FormatSettings::Type::sparkplug, types, reads, limits);
}

Message node_birth(std::uint64_t bd_seq = 4) {
  return Message()
      .time(1000)
      .seq(0)
      .metric(Metric("bdSeq").type(kInt64).wide(bd_seq))
      .metric(Metric("Up").alias(1).type(kInt32).integer(7));
}
Message device_birth(std::uint64_t seq = 1) {
  return Message()
      .time(2000)
      .seq(seq)
      .metric(Metric("Temp").alias(2).type(kDouble).real(20.5).time(1999))
      .metric(Metric("Inside/State").alias(3).type(kString).text("RUN"));
}
Message death(std::uint64_t bd_seq) {
  return Message().time(500).metric(Metric("bdSeq").type(kInt64).wide(bd_seq));
}

// What is said of the last payload.
std::string notice(const Decoding& decoding) {
  const auto said = decoding.decoder->memory()->take_notice();
  return said ? said->text : "";
}

// The value of a metric that says its own type.
std::string value_of(const Metric& metric) {
  Decoding decoding = sparkplug({"value"});
  return decoding.read(Message().metric(metric), kNodeData);
}

}  // namespace

// interface: sources.format=sparkplug
TEST_CASE("sparkplug: births, data by alias and deaths are a record a metric") {
  Decoding decoding =
      sparkplug({"group", "node", "device", "event", "metric", "value", "type", "timestamp", "historical"});
  CHECK(decoding.records(node_birth(), kNodeBirth) ==
        Texts{"'G' 'N' NULL 'birth' NULL NULL NULL 1000 NULL",
              "'G' 'N' NULL 'birth' 'bdSeq' 4 'Int64' 1000 false",
              "'G' 'N' NULL 'birth' 'Up' 7 'Int32' 1000 false"});
  CHECK(decoding.records(device_birth(), kBirth) ==
        Texts{"'G' 'N' 'D' 'birth' NULL NULL NULL 2000 NULL",
              "'G' 'N' 'D' 'birth' 'Temp' 20.5 'Double' 1999 false",
              "'G' 'N' 'D' 'birth' 'Inside/State' 'RUN' 'String' 2000 false"});
  CHECK(decoding.records(Message().time(3000).seq(2).metric(Metric().alias(1).integer(0xffffffff)),
                         kNodeData) == Texts{"'G' 'N' NULL 'data' 'Up' -1 'Int32' 3000 false"});
  CHECK(decoding.records(Message()
                             .time(3001)
                             .seq(3)
                             .metric(Metric().alias(2).real(21).historical().time(2500))
                             .metric(Metric().alias(3).text("STOP"))
                             .metric(Metric("Temp").real(22))
                             .metric(Metric().alias(3).null()),
                         kData) == Texts{"'G' 'N' 'D' 'data' 'Temp' 21.0 'Double' 2500 true",
                                         "'G' 'N' 'D' 'data' 'Inside/State' 'STOP' 'String' 3001 false",
                                         "'G' 'N' 'D' 'data' 'Temp' 22.0 'Double' 3001 false",
                                         "'G' 'N' 'D' 'data' 'Inside/State' NULL 'String' 3001 false"});
  CHECK(decoding.records(Message().time(4000).seq(4), kDeath) ==
        Texts{"'G' 'N' 'D' 'death' NULL NULL NULL 4000 NULL"});
  // A death is written when the node connects: its time is that of its arrival, which is 1970 here.
  CHECK(decoding.records(death(4), kNodeDeath) == Texts{"'G' 'N' NULL 'death' NULL NULL NULL 0 NULL"});
  CHECK(notice(decoding).empty());
}

TEST_CASE("sparkplug: a node's death is that of its devices, by name, and its birth ends what they were") {
  Decoding decoding = sparkplug({"device", "event", "metric"});
  decoding.read(node_birth(), kNodeBirth);
  for (const char* device : {"d2", "d1", "d3"})
    decoding.read(Message().metric(Metric("M").alias(9).type(kInt8)),
                  std::string("spBv1.0/G/DBIRTH/N/") + device);
  decoding.read(Message(), "spBv1.0/G/DDEATH/N/d3");
  CHECK(decoding.records(death(4), kNodeDeath) ==
        Texts{"NULL 'death' NULL", "'d1' 'death' NULL", "'d2' 'death' NULL"});
  CHECK(decoding.texts[0] == "08f403120b0a05626453657120045804");
  CHECK(decoding.texts[1].empty());  // the message says nothing of them
  CHECK(decoding.records(death(4), kNodeDeath) == Texts{"NULL 'death' NULL"});

  decoding.read(node_birth(), kNodeBirth);
  decoding.read(device_birth(), kBirth);
  CHECK(decoding.read(Message().seq(2).metric(Metric().alias(2).real(1)), kData) == "'D' 'data' 'Temp'");
  decoding.read(node_birth(5), kNodeBirth);
  CHECK(decoding.read(Message().metric(Metric().alias(2).real(1)), kData) ==
        "error: alias 2 of G/N/D is not known: no birth of it is remembered; a rebirth of its node says it "
        "again");
  CHECK(decoding.records(death(5), kNodeDeath) == Texts{"NULL 'death' NULL"});
}

TEST_CASE("sparkplug: the death of an earlier session is passed over and counted") {
  Decoding decoding = sparkplug({"event", "metric"});
  decoding.read(node_birth(5), kNodeBirth);
  CHECK(decoding.records(death(4), kNodeDeath).empty());
  CHECK(notice(decoding) == "the death of an earlier session of G/N: bdSeq 4, and it was born with 5");
  CHECK(notice(decoding).empty());
  CHECK(decoding.decoder->memory()->counters()[1] ==
        std::pair<std::string, std::uint64_t>("deaths of earlier sessions", 1));
  CHECK(decoding.read(Message().seq(1).metric(Metric().alias(1).integer(1)), kNodeData) == "'data' 'Up'");
  CHECK(decoding.records(death(5), kNodeDeath).size() == 1);
}

TEST_CASE("sparkplug: gaps in a node's numbers are counted and told, whoever's messages they are") {
  Decoding decoding = sparkplug({"metric"});
  const auto comes = [&](std::string_view topic, std::uint64_t seq) {
    decoding.read(Message().seq(seq).metric(Metric("Up").type(kInt8).integer(1)), topic);
    return notice(decoding);
  };
  CHECK(comes(kNodeData, 17) == "");  // nothing is known of it
  CHECK(comes(kNodeBirth, 0) == "");
  CHECK(comes(kBirth, 1) == "");
  CHECK(comes(kNodeData, 2) == "");
  CHECK(comes(kData, 4) == "messages of G/N are missing or out of order: number 4 came after 2");
  CHECK(comes(kData, 5) == "");
  CHECK(comes(kData, 5) == "messages of G/N are missing or out of order: number 5 came after 5");
  for (std::uint64_t seq = 6; seq < 256; ++seq) CHECK(comes(kData, seq) == "");
  CHECK(comes(kData, 0) == "");  // after 255
  CHECK(comes("spBv1.0/G/DDATA/other/D", 9) == "");
  CHECK(comes(kNodeBirth, 0) == "");
  CHECK(decoding.decoder->memory()->counters()[0] ==
        std::pair<std::string, std::uint64_t>("sequence gaps", 2));
}

TEST_CASE("sparkplug: what is not known of a metric makes it a bad record, alone") {
  Decoding decoding = sparkplug({"metric", "value"});
  const std::string before = Message()
                                 .metric(Metric("Free").integer(5))
                                 .metric(Metric("Free").real(5))
                                 .metric(Metric().alias(1).integer(5))
                                 .metric(Metric().integer(5))
                                 .metric(Metric("\xff").type(kInt8).integer(5));
  CHECK(
      decoding.records(before, kNodeData) ==
      Texts{"error: metric Free: an integer of an unknown type: neither it nor a birth says one",
            "'Free' 5.0",
            "error: alias 1 of G/N is not known: no birth of it is remembered; a rebirth of its node says it "
            "again",
            "error: a metric with neither a name nor an alias", "error: a metric whose name is no UTF-8"});
  CHECK(decoding.texts[2] == "10015005");  // the metric's own bytes
  decoding.read(node_birth(), kNodeBirth);
  CHECK(decoding.read(Message().metric(Metric().alias(8).integer(5)), kNodeData) ==
        "error: alias 8 of G/N is not known: its birth did not say it");
  // Its own name and type count before those of its birth.
  CHECK(decoding.records(Message()
                             .metric(Metric("Else").alias(1).type(kUInt8).integer(0xff))
                             .metric(Metric().alias(1).type(kUInt32).integer(0xffffffff)),
                         kNodeData) == Texts{"'Else' 255", "'Up' 4294967295"});
  using Count = std::pair<std::string, std::uint64_t>;
  CHECK(decoding.decoder->memory()->counters()[3] == Count("metrics before a birth", 2));
  CHECK(decoding.decoder->memory()->counters()[4] == Count("aliases that no birth said", 1));
}

TEST_CASE("sparkplug: a birth that cannot be read ends what was known, and so does one that is too long") {
  Decoding decoding = sparkplug({"metric"});
  const auto known = [&](std::string_view topic, std::uint64_t alias) {
    return !decoding.read(Message().metric(Metric().alias(alias).real(1)), topic).starts_with("error");
  };
  Message floats = Message().seq(0).metric(Metric("Up").alias(1).type(kDouble).real(1));
  for (const bool too_long : {false, true}) {
    CAPTURE(too_long);
    const auto lose = [&](std::string_view topic) {
      if (too_long)
        decoding.decoder->memory()->passed_over({"\x12", topic});
      else
        CHECK(decoding.read("\x12", topic) ==
              "error: no Sparkplug B payload: its protobuf is broken at byte 1");
    };
    decoding.read(floats, kNodeBirth);
    decoding.read(device_birth(), kBirth);
    lose(kNodeData);  // a loss of data is no loss of a birth
    lose("spBv1.0/other/NBIRTH/N");
    CHECK((known(kNodeData, 1) && known(kData, 2)));
    lose(kBirth);
    CHECK((known(kNodeData, 1) && !known(kData, 2)));
    decoding.read(device_birth(), kBirth);
    lose(kNodeBirth);
    CHECK((!known(kNodeData, 1) && !known(kData, 2)));
  }
}

TEST_CASE("sparkplug: a compressed payload is refused as a whole, by name") {
  Decoding decoding = sparkplug({"metric"});
  const std::string payload = Protobuf().bytes(4, "SPBV1.0_COMPRESSED").bytes(5, "x\x9c").str();
  CHECK(decoding.read(payload, kNodeData) ==
        "error: a compressed payload (uuid SPBV1.0_COMPRESSED): the node has to send it uncompressed");
}

TEST_CASE("sparkplug: long names are not spread over many records") {
  Decoding decoding = sparkplug({"metric"});
  const std::string longest(1024, 'n'), longer(1025, 'n');
  CHECK(decoding.records(Message()
                             .seq(0)
                             .metric(Metric(longest).alias(1).type(kInt8).integer(1))
                             .metric(Metric(longer).alias(2).type(kInt8).integer(1)),
                         kNodeBirth) ==
        Texts{"NULL", "'" + longest + "'", "error: a metric whose name is longer than 1024 bytes"});
  CHECK(decoding.records(Message().metric(Metric().alias(1).integer(1)).metric(Metric().alias(2).integer(1)),
                         kNodeData) ==
        Texts{"'" + longest + "'", "error: alias 2 of G/N is not known: its birth did not say it"});
  const std::string device = std::string(195, 'd') + "\xc3\xa4" + std::string(60'000, 'd');
  CHECK(decoding.read(Message().metric(Metric().alias(1)), "spBv1.0/G/DDATA/N/" + device) ==
        "error: alias 1 of G/N/" + std::string(195, 'd') +
            "… is not known: no birth of it is remembered; a rebirth of its node says it again");
}

TEST_CASE("sparkplug: each type of value") {
  constexpr std::uint64_t kAll = ~std::uint64_t{0};
  CHECK(value_of(Metric("m").type(kInt8).integer(0xff)) == "-1");
  CHECK(value_of(Metric("m").type(kInt8).integer(0xffffff80)) == "-128");
  CHECK(value_of(Metric("m").type(kInt16).integer(0x8000)) == "-32768");
  CHECK(value_of(Metric("m").type(kInt32).integer(0x80000000)) == "-2147483648");
  CHECK(value_of(Metric("m").type(kInt64).wide(kAll)) == "-1");
  CHECK(value_of(Metric("m").type(kUInt8).integer(255)) == "255");
  CHECK(value_of(Metric("m").type(kUInt16).integer(65535)) == "65535");
  CHECK(value_of(Metric("m").type(kUInt32).integer(4294967295)) == "4294967295");
  CHECK(value_of(Metric("m").type(kUInt64).wide(kAll >> 1)) == "9223372036854775807");
  CHECK(value_of(Metric("m").type(kUInt64).wide(kAll)) ==
        "error: metric m: an integer beyond 64 bits signed");
  CHECK(value_of(Metric("m").type(kFloat).single(1.5F)) == "1.5");
  CHECK(value_of(Metric("m").type(kDouble).real(0.1)) == "0.1");
  CHECK(value_of(Metric("m").type(kDouble).single(0.5F)) == "0.5");
  CHECK(value_of(Metric("m").type(kBoolean).boolean(true)) == "true");
  CHECK(value_of(Metric("m").type(kBoolean).integer(0)) == "false");
  CHECK(value_of(Metric("m").type(kString).text("\xc3\xa4")) == "'\xc3\xa4'");
  CHECK(value_of(Metric("m").type(kDateTime).wide(1'740'830'400'000)) == "1740830400000");
  CHECK(value_of(Metric("m").type(kText).text("")) == "''");
  CHECK(value_of(Metric("m").type(kUuid).text("a-b")) == "'a-b'");
  CHECK(value_of(Metric("m").type(kBytes).bytes(std::string_view("\0\xff", 2))) == "'00ff'");
  CHECK(value_of(Metric("m").type(kFile).bytes("a")) == "'61'");
  CHECK(value_of(Metric("m").type(kInt8)) == "NULL");
  CHECK(value_of(Metric("m").type(kInt8).integer(1).null()) == "NULL");
  CHECK(value_of(Metric("m").boolean(true)) == "true");
  CHECK(value_of(Metric("m").text("t")) == "'t'");
  CHECK(value_of(Metric("m").type(99).text("t")) ==
        "error: metric m: 99 is no data type of the specification");
  CHECK(value_of(Metric("m").type(99)) == "error: metric m: 99 is no data type of the specification");
  // As wide as the type, the field or a varint; else it is another number.
  CHECK(value_of(Metric("m").type(kInt8).integer(kAll)) == "-1");
  CHECK(value_of(Metric("m").type(kInt8).integer(128)) == "-128");
  CHECK(value_of(Metric("m").type(kInt8).integer(300)) == "error: metric m: 300 is no Int8");
  CHECK(value_of(Metric("m").type(kInt8).integer(0xffff)) == "error: metric m: 65535 is no Int8");
  CHECK(value_of(Metric("m").type(kInt16).integer(0xffff)) == "-1");
  CHECK(value_of(Metric("m").type(kInt16).integer(0x10000)) == "error: metric m: 65536 is no Int16");
  CHECK(value_of(Metric("m").type(kInt32).wide(kAll)) == "-1");
  CHECK(value_of(Metric("m").type(kInt32).wide(0x1'0000'0000)) == "error: metric m: 4294967296 is no Int32");
  CHECK(value_of(Metric("m").type(kUInt8).integer(256)) == "error: metric m: 256 is no UInt8");
  CHECK(value_of(Metric("m").type(kUInt16).integer(65536)) == "error: metric m: 65536 is no UInt16");
  CHECK(value_of(Metric("m").type(kUInt32).wide(kAll)) ==
        "error: metric m: 18446744073709551615 is no UInt32");
  CHECK(value_of(Metric("m").type(kUInt32).wide(4294967295)) == "4294967295");
  CHECK(value_of(Metric("m").type(kInt8).text("1")) == "error: metric m: a value that is no Int8");
  CHECK(value_of(Metric("m").type(kString).integer(1)) == "error: metric m: a value that is no String");
  CHECK(value_of(Metric("m").type(kString).text("\xff")) == "error: metric m: a text that is no UTF-8");
}

TEST_CASE("sparkplug: arrays, data sets and templates are JSON text") {
  const auto array = [](std::uint32_t type, std::string_view hex) {
    return value_of(Metric("m").type(type).bytes(test::bytes(hex)));
  };
  CHECK(array(22, "ff01") == "'[-1,1]'");
  CHECK(array(23, "0080ff7f") == "'[-32768,32767]'");
  CHECK(array(24, "ffffffff") == "'[-1]'");
  CHECK(array(25, "ffffffffffffffff") == "'[-1]'");
  CHECK(array(26, "ff01") == "'[255,1]'");
  CHECK(array(27, "ffff") == "'[65535]'");
  CHECK(array(28, "ffffffff") == "'[4294967295]'");
  CHECK(array(29, "0100000000000000") == "'[1]'");
  CHECK(array(30, "0000c03f") == "'[1.5]'");
  CHECK(array(31, "000000000000f83f") == "'[1.5]'");
  CHECK(array(32, "0a000000 a080") == "'[true,false,true,false,false,false,false,false,true,false]'");
  CHECK(array(33, "6100c3a400 00") == "'[\"a\",\"\xc3\xa4\",\"\"]'");
  CHECK(array(34, "e803000000000000") == "'[1000]'");
  CHECK(array(22, "") == "'[]'");
  for (const auto& [type, hex] : std::initializer_list<std::pair<std::uint32_t, const char*>>{
           {23, "00"}, {25, "00"}, {32, "00"}, {32, "ffffffff00"}, {33, "61"}})
    CHECK(array(type, hex) == "error: metric m: an array whose bytes are no whole elements");
  CHECK(array(29, "ffffffffffffffff") == "error: metric m: an array with an integer beyond 64 bits signed");
  CHECK(array(33, "ff00") == "error: metric m: an array with a text that is no UTF-8");

  const auto cell = [](unsigned field, std::uint64_t value) { return Protobuf().varint(field, value).str(); };
  const std::string row = Protobuf().bytes(1, cell(1, 0xff)).bytes(1, Protobuf().bytes(6, "x").str());
  const std::string other = Protobuf().bytes(1, cell(1, 2)).bytes(1, Protobuf().bytes(6, "y").str());
  const std::string table = Protobuf()
                                .varint(1, 2)
                                .bytes(2, "n")
                                .bytes(2, "s")
                                .varint(3, kInt8)
                                .varint(3, kString)
                                .bytes(4, row)
                                .bytes(4, other);
  CHECK(value_of(Metric("m").type(kDataSet).data_set(table)) == R"('[{"n":-1,"s":"x"},{"n":2,"s":"y"}]')");
  CHECK(value_of(Metric("m").type(kDataSet).data_set(Protobuf().bytes(2, "n").bytes(3, "\x01").bytes(
            4, Protobuf().bytes(1, cell(1, 3)).str()))) == R"('[{"n":3}]')");
  CHECK(value_of(Metric("m").type(kDataSet).data_set(Protobuf().bytes(2, "n"))) ==
        "error: metric m: a data set whose columns and types do not go together");
  CHECK(value_of(Metric("m").type(kDataSet).data_set(Protobuf().bytes(2, "n").varint(3, 1).bytes(4, ""))) ==
        "error: metric m: a data set with a row that is too short");

  const std::string inner = Protobuf()
                                .bytes(2, Metric("x").type(kInt8).integer(1).str())
                                .bytes(2, Metric("y").type(22).bytes("\x01\xff").str())
                                .bytes(2, Metric("z").type(kTemplate).null().str())
                                .str();
  const std::string tree = Protobuf()
                               .bytes(1, "v1")
                               .bytes(2, Metric("a").type(kDouble).real(1.5).str())
                               .bytes(2, Metric("b").type(kTemplate).tree(inner).str())
                               .bytes(2, Metric("c").type(kDataSet).data_set(table).str())
                               .bytes(3, Protobuf().bytes(1, "p").varint(2, kString).bytes(8, "q").str())
                               .bytes(4, "Motor");
  CHECK(value_of(Metric("m").type(kTemplate).tree(tree)) ==
        R"('{"a":1.5,"b":{"x":1,"y":[1,-1],"z":null},"c":[{"n":-1,"s":"x"},{"n":2,"s":"y"}],"p":"q"}')");
  CHECK(value_of(Metric("m").type(kTemplate).tree(Protobuf().bytes(2, Metric().integer(1).str()))) ==
        "error: metric m: a template with a member without a name");
  LimitSettings limits;
  limits.max_depth = 1;
  Decoding shallow = sparkplug({}, limits);
  CHECK(shallow.read(Message().metric(Metric("m").type(kTemplate).tree(tree)), kNodeData) ==
        "error: metric m: a value nested deeper than max_depth = 1");
}

TEST_CASE("sparkplug: what a value becomes as JSON is bounded, however little of the message it takes") {
  LimitSettings limits;
  limits.max_record = 20'000;
  Decoding decoding = sparkplug({"value"}, limits);
  const auto size_of = [&](const Metric& metric) {
    const std::string value = decoding.read(Message().metric(metric), kNodeData);
    if (value.starts_with("error"))
      CHECK(value == "error: metric m: a value that is longer than limits.max_record (20000 bytes) as JSON");
    return value.starts_with("error") ? 0 : value.size();
  };
  // Bits of an array; rows that repeat a long name; templates in templates.
  const auto bits = [&](unsigned count) {
    std::string bytes;
    for (unsigned i = 0; i < 4; ++i) bytes += static_cast<char>(count >> (8 * i));
    return Metric("m").type(32).bytes(bytes + std::string((count + 7) / 8, '\0'));
  };
  CHECK(size_of(bits(3000)) > 15'000);
  CHECK(size_of(bits(8000)) == 0);
  const auto table = [&](unsigned rows) {
    Protobuf set = Protobuf().bytes(2, std::string(1000, 'n')).varint(3, kInt8);
    for (unsigned i = 0; i < rows; ++i) set.bytes(4, Protobuf().bytes(1, "").str());
    return Metric("m").type(kDataSet).data_set(set);
  };
  CHECK(size_of(table(15)) > 15'000);
  CHECK(size_of(table(25)) == 0);
  const auto members = [&](unsigned count) {
    Protobuf tree;
    for (unsigned i = 0; i < count; ++i) tree.bytes(2, Metric("x").str());
    return Metric("m").type(kTemplate).tree(tree);
  };
  CHECK(size_of(members(500)) > 4'000);
  CHECK(size_of(members(2000)) == 0);
}

TEST_CASE("sparkplug: properties of a metric, by name") {
  const auto property = [](std::uint32_t type, const Protobuf& value) {
    return Protobuf().varint(1, type).str() + value.str();
  };
  const std::string inner =
      Protobuf().bytes(1, "low").bytes(2, property(kDouble, Protobuf().fixed64(6, 0x3ff8000000000000)));
  const std::string properties =
      Protobuf()
          .bytes(1, "engUnit")
          .bytes(1, "Quality")
          .bytes(1, "none")
          .bytes(1, "range")
          .bytes(1, "ranges")
          .bytes(2, property(kString, Protobuf().bytes(8, "bar")))
          .bytes(2, Protobuf().varint(3, 192))  // Quality often says no type
          .bytes(2, property(kInt32, Protobuf().varint(2, 1)))
          .bytes(2, property(20, Protobuf().bytes(9, inner)))
          .bytes(2, property(21, Protobuf().bytes(10, Protobuf().bytes(1, inner).bytes(1, "").str())));
  Decoding decoding = sparkplug({"properties.engUnit", "properties.Quality", "properties.none",
                                 "properties.absent", "properties.range", "properties.ranges"});
  CHECK(decoding.read(Message().metric(Metric("m").properties(properties)), kNodeData) ==
        R"('bar' 192 NULL NULL '{"low":1.5}' '[{"low":1.5},{}]')");
  CHECK(decoding.read(Message().metric(Metric("m")), kNodeData) == "NULL NULL NULL NULL NULL NULL");

  // Whether it is read or not.
  Decoding other = sparkplug({"metric"});
  const auto wrong = [&](const std::string& set) {
    const Message message = Message().metric(Metric("m").properties(set));
    const std::string why = other.read(message, kNodeData);
    CHECK(decoding.read(message, kNodeData) == why);
    return why;
  };
  CHECK(wrong("\x0a") == "error: metric m: properties whose protobuf is broken");
  CHECK(wrong(Protobuf().bytes(1, "a")) ==
        "error: metric m: properties whose names and values do not go together");
  CHECK(wrong(Protobuf().bytes(1, "\xff").bytes(2, "")) ==
        "error: metric m: a property whose name is no UTF-8");
  CHECK(wrong(Protobuf().bytes(1, "a").bytes(2, "\x0a")) ==
        "error: metric m: property a: its protobuf is broken");
  CHECK(wrong(Protobuf().bytes(1, "a").bytes(2, property(kInt8, Protobuf().varint(3, 300)))) ==
        "error: metric m: property a: 300 is no Int8");
  std::string deep = inner;
  for (int i = 0; i < 70; ++i)
    deep = Protobuf().bytes(1, "a").bytes(2, property(20, Protobuf().bytes(9, deep)));
  CHECK(wrong(deep) == "error: metric m: property a: a value nested deeper than max_depth = 64");
}

TEST_CASE("sparkplug: columns have types if fields give them, and no others are there") {
  Decoding typed = sparkplug({"value"}, {}, {"value:float", "properties.Q:int"});
  CHECK(typed.read(Message().metric(Metric("m").type(kInt8).integer(1)), kNodeData) == "1.0");
  CHECK(typed.read(Message().metric(Metric("m").text("t")), kNodeData) ==
        "error: field value: 't' is no float");
  const auto refused = [](std::string_view field) {
    FormatSettings format;
    format.type = FormatSettings::Type::sparkplug;
    return field_refused(format, test::path(field)).value_or("");
  };
  CHECK(refused("value") == "");
  CHECK(refused("properties.engUnit") == "");
  CHECK(refused("metrc") == "no column metrc in Sparkplug B records; did you mean metric?");
  CHECK(refused("Temp").contains("A metric is one by its name: metric = 'Temp'"));
  CHECK(refused("properties") != "");
  CHECK(refused("properties[0]") != "");
  CHECK(refused("value.x") != "");
}

TEST_CASE("sparkplug: topics that say nothing of metrics, and those of somebody else") {
  Decoding decoding = sparkplug({});
  const std::string payload = Message().metric(Metric("m").type(kInt8).integer(1));
  for (const char* topic : {"spBv1.0/STATE/host", "STATE/host", "spBv1.0/G/NCMD/N", "spBv1.0/G/DCMD/N/D"}) {
    CAPTURE(topic);
    CHECK(decoding.records(payload, topic).empty());
    CHECK(decoding.records("ONLINE", topic).empty());
  }
  for (const char* topic : {"a", "spBv1.0", "spBv1.0/G/NDATA", "spBv1.0/G/NDATA/", "spBv1.0//NDATA/N",
                            "spBv1.0/G//N", "spBv1.0/G/NDATA/N/D", "spBv1.0/G/DDATA/N", "spBv1.0/G/DDATA/N/",
                            "spBv1.0/G/DDATA/N/D/E", "spBv1.0/G/XDATA/N", "spBv1.0/G/NFOO/N",
                            "spAv1.0/G/NDATA/N", "spBv1.0/G/N/N", "spBv1.0/\xff/NDATA/N"}) {
    CAPTURE(topic);
    CHECK(decoding.read(payload, topic).starts_with("error: the topic "));
  }
}

// interface: limits.births
TEST_CASE("sparkplug: what is remembered of births is bounded") {
  LimitSettings limits;
  limits.births = 2500;
  Decoding decoding = sparkplug({"metric"}, limits);
  Message large = Message().seq(0);
  for (int i = 0; i < 20; ++i)
    large.metric(Metric("metric" + std::to_string(i)).alias(i).type(kInt8).integer(1));
  decoding.read(node_birth(), kNodeBirth);
  CHECK(decoding.records(large, "spBv1.0/G/NBIRTH/M").size() == 21);  // its own records are good
  CHECK(notice(decoding) == "no room to remember the birth of G/M; raise limits.births");
  CHECK(decoding.decoder->memory()->counters()[2] ==
        std::pair<std::string, std::uint64_t>("births without room", 1));
  CHECK(decoding.read(Message().metric(Metric().alias(1).integer(1)), "spBv1.0/G/NDATA/M")
            .starts_with("error: alias 1 of G/M"));
  CHECK(decoding.read(Message().metric(Metric().alias(1).integer(1)), kNodeData) == "'Up'");
  decoding.read(death(4), kNodeDeath);  // makes room
  decoding.read(large, "spBv1.0/G/NBIRTH/M");
  CHECK(notice(decoding).empty());
  CHECK(decoding.read(Message().metric(Metric().alias(1).integer(1)), "spBv1.0/G/NDATA/M") == "'metric1'");
  // A birth that has no room ends what was known before.
  for (int i = 0; i < 20; ++i)
    large.metric(Metric("more" + std::to_string(i)).alias(20 + i).type(kInt8).integer(1));
  decoding.read(large, "spBv1.0/G/NBIRTH/M");
  CHECK(decoding.read(Message().metric(Metric().alias(1).integer(1)), "spBv1.0/G/NDATA/M")
            .starts_with("error: "));
}

namespace {

struct Arrival {
  std::string topic, payload;
};

// Nodes and devices that are born, speak and die, in an order that a seed says.
std::vector<Arrival> life(std::uint64_t seed, std::size_t count) {
  std::vector<Arrival> out;
  std::uint64_t state = seed * 2862933555777941757u + 3037000493u;
  const auto below = [&](std::uint64_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % n;
  };
  for (std::size_t i = 0; i < count; ++i) {
    const std::string node = "N" + std::to_string(below(3)), device = "D" + std::to_string(below(3));
    Message message = Message().time(1000 + i).seq(i & 255);
    const std::uint64_t what = below(20);
    if (what < 3) {
      message.metric(Metric("bdSeq").type(kInt64).wide(below(3)));
      for (std::uint64_t a = 0; a < 3; ++a)
        message.metric(Metric("m" + std::to_string(below(5))).alias(a).type(kInt32).integer(i));
      out.push_back({"spBv1.0/G/NBIRTH/" + node, message});
    } else if (what < 6) {
      for (std::uint64_t a = 0; a < 2; ++a)
        message.metric(Metric("d" + std::to_string(below(5))).alias(a).type(kInt16).integer(i));
      out.push_back({"spBv1.0/G/DBIRTH/" + node + "/" + device, message});
    } else if (what < 7) {
      out.push_back({"spBv1.0/G/NDEATH/" + node, death(below(3))});
    } else if (what < 8) {
      out.push_back({"spBv1.0/G/DDEATH/" + node + "/" + device, message});
    } else {
      message.metric(Metric().alias(below(4)).integer(i)).metric(Metric("m1").integer(i));
      out.push_back(
          {below(2) == 0 ? "spBv1.0/G/NDATA/" + node : "spBv1.0/G/DDATA/" + node + "/" + device, message});
    }
  }
  return out;
}

Decoding all_columns() {
  return sparkplug({"node", "device", "event", "metric", "value", "type"});
}

// Through a checkpoint: rows of the table, and what stands beside it.
void restore(const Decoding& from, Decoding& to) {
  DecoderMemory& memory = *from.decoder->memory();
  Encoder beside;
  memory.save(beside);
  std::string rows;
  memory.table()->begin_snapshot({0, EntryTable::kPartitions});
  while (!memory.table()->capture(rows, 1 << 20)) {
  }
  memory.table()->complete_snapshot();
  auto table = find_format("sparkplug")->make_table(99);
  Decoder in(rows);
  for (Row row; take_row(in, row);) REQUIRE(table->restore_row(row.key, row.erased, row.payload));
  to.decoder->memory()->adopt(std::move(table));
  Decoder rest(beside.view());
  REQUIRE(to.decoder->memory()->load(rest));
  REQUIRE(rest.complete());
}

std::vector<Texts> rest_of(Decoding& decoding, const std::vector<Arrival>& arrivals, std::size_t from) {
  std::vector<Texts> out;
  for (std::size_t i = from; i < arrivals.size(); ++i) {
    out.push_back(decoding.records(arrivals[i].payload, arrivals[i].topic));
    out.back().push_back(notice(decoding));
  }
  for (const auto& [name, count] : decoding.decoder->memory()->counters())
    out.push_back({name + std::to_string(count)});
  return out;
}

}  // namespace

TEST_CASE("sparkplug: restored at every position, what is remembered is the same") {
  const std::vector<Arrival> arrivals = life(1, 150);
  for (std::size_t at = 0; at <= arrivals.size(); ++at) {
    CAPTURE(at);
    Decoding live = all_columns(), restored = all_columns();
    for (std::size_t i = 0; i < at; ++i) live.records(arrivals[i].payload, arrivals[i].topic);
    restore(live, restored);
    const std::vector<Texts> expected = rest_of(live, arrivals, at), found = rest_of(restored, arrivals, at);
    REQUIRE(expected.size() == found.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CAPTURE(i);
      REQUIRE(expected[i].size() == found[i].size());
      for (std::size_t n = 0; n < expected[i].size(); ++n) REQUIRE(expected[i][n] == found[i][n]);
    }
  }
}

TEST_CASE("sparkplug: a snapshot holds what is remembered, also from before the payload at hand") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const std::vector<Arrival> arrivals = life(seed, 120);
    Decoding live = all_columns();
    std::string before = live.decoder->memory()->snapshot(false);
    for (const Arrival& arrival : arrivals) {
      live.records(arrival.payload, arrival.topic);
      CHECK(live.decoder->memory()->snapshot(true) == before);
      before = live.decoder->memory()->snapshot(false);
      Decoding loaded = all_columns();
      REQUIRE(loaded.decoder->memory()->load_snapshot(before));
      CHECK(loaded.decoder->memory()->snapshot(false) == before);
    }
  }
}

TEST_CASE("sparkplug: a snapshot that is cut short is refused") {
  Decoding live = all_columns();
  for (const Arrival& arrival : life(3, 60)) live.records(arrival.payload, arrival.topic);
  const std::string whole = live.decoder->memory()->snapshot(false);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Decoding other = all_columns();
    CHECK(!other.decoder->memory()->load_snapshot(whole.substr(0, size)));
  }
}

}  // namespace tidemark
