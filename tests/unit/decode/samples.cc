#include "samples.h"

#include "base/hex.h"
#include "base/invariant.h"
#include "support/sparkplug_message.h"

namespace tidemark::test {
namespace {

// Members of the sample records: MessagePack and CBOR write short texts and small integers differently.
Samples msgpack() {
  Samples out;
  for (const char* hex : {
           "84 a161 a174 a16e 01 a178 cb3ff8000000000000 a26f6b c3",
           "80",
           "81 a161 c0",
           "82 a56f74686572 81 a464656570 92 01 02 a16e 07",
           "82 a161 d902c3a4 a178 ca bf800000",
           "81 a16e d3 8000000000000000",
           "de0001 a178 05",
           "82 01 02 a16a d6ff 67c2f5c0",
       })
    out.good.push_back(bytes(hex));
  for (const char* hex : {
           "",
           "c1",
           "c0",
           "c2",
           "01",
           "ff",
           "a0",
           "a161",
           "c403010203",
           "ca3f800000",
           "d4 01 02",
           "d6ff 00000000",
           // ends too early
           "81",
           "81 a1",
           "81 a161",
           "81 a161 a1",
           "82 a161 a174",
           "81 a16e cc",
           "81 a16e cd 00",
           "81 a16e ce 000000",
           "81 a16e cf 00000000000000",
           "81 a16e d0",
           "81 a16e d1 00",
           "81 a16e d2 000000",
           "81 a16e d3 00000000000000",
           "81 a178 ca 000000",
           "81 a178 cb 00000000000000",
           "81 a161 d9",
           "81 a161 d901",
           "81 a161 da00",
           "81 a161 db000000",
           "81 a16a c4",
           "81 a16a c402 00",
           "81 a16a c5 00",
           "81 a16a c6 00000001",
           "81 a16a c7",
           "81 a16a c7 01",
           "81 a16a c7 02 05 00",
           "81 a16a c8 0001",
           "81 a16a c9 00000001 05",
           "81 a16a d4",
           "81 a16a d4 05",
           "81 a16a d8 05 00",
           "81 a16a 91",
           "81 a16a 92 01",
           "81 a16a 81",
           "81 a16a 81 01",
           "81 a16a dc",
           "81 a16a dc0001",
           "81 a16a dd00000001",
           "de",
           "de0001",
           "df00000001",
           "dfffffffff",
           "df00000002 a16e 01",
           "81 a16a ddffffffff",
           "81 a161 dbffffffff",
           "81 a16a c6ffffffff",
           "81 a16a dfffffffff 01",
           // nothing begins with c1
           "81 c1",
           "81 a16a c1",
           "81 a16a 92 01 c1",
           "81 a16a 81 01 c1",
           // something behind the record
           "80 80",
           "80 00",
           "80 c0",
           "81 a16e 01 01",
           "80 ff",
           // keys that are none
           "81 c0 01",
           "81 c2 01",
           "81 c3 01",
           "81 ca3f800000 01",
           "81 cb3ff8000000000000 01",
           "81 90 01",
           "81 9101 01",
           "81 80 01",
           "81 c40161 01",
           "81 d4 05 00 01",
           "81 cf8000000000000000 01",
           "81 a1ff 01",
           "81 a2c080 01",
           "81 a16a 81 c0 01",
           // what is no value
           "81 a16a cf8000000000000000",
           "81 a16a cfffffffffffffffff",
           "81 a16a 91 cf8000000000000000",
           "81 a16a 81 a162 cf8000000000000000",
           "81 a16a a1ff",
           "81 a16a a2c080",
           "81 a16a a3eda080",
           "81 a16a a4f4908080",
           "81 a16a a2e282",
           "81 a16a 91 a180",
           "81 a16a d5ff 0000",
           "81 a16a d4ff 00",
           "81 a16a c705ff 0000000000",
           "81 a16a d7ff ffffffff00000000",
           "81 a16a c70cff 3b9aca00 0000000000000000",
           "81 a16a c70cff 00000000 7fffffffffffffff",
           "81 a16a c70cff 00000000 8000000000000000",
           // of another type than the column
           "81 a161 01",
           "81 a161 c3",
           "81 a161 cb3ff8000000000000",
           "81 a161 90",
           "81 a161 80",
           "81 a16e a131",
           "81 a16e c3",
           "81 a16e cb3ff8000000000000",
           "81 a16e 80",
           "81 a16e 91 01",
           "81 a16e c40101",
           "81 a178 a3312e35",
           "81 a178 c2",
           "81 a178 90",
           "81 a26f6b 01",
           "81 a26f6b a474727565",
           "81 a26f6b 80",
           "82 a16e a131 a16e 01",
           // arrays of what is no record
           "91",
           "91 01",
           "91 c0",
           "91 91 80",
           "91 81 a16e a131",
           "92 80",
           "92 01 80",
           "91 80 80",
           "dc0001",
           "ddffffffff",
           "92 c1 80",
       })
    out.bad.push_back(bytes(hex));
  out.bad.push_back(bytes("81 a16a") + repeated(bytes("91"), 64) + bytes("01"));
  out.bad.push_back(repeated(bytes("81 a16a"), 65) + bytes("01"));
  out.bad.push_back(repeated(bytes("91"), 100'000));
  out.bad.push_back(repeated(bytes("81 a16a"), 100'000));
  std::string crowded = bytes("de1001");
  for (int i = 0; i < 4097; ++i) crowded += bytes("00 00");
  out.bad.push_back(crowded);
  return out;
}

Samples cbor() {
  Samples out;
  for (const char* hex : {
           "a4 6161 6174 616e 01 6178 fb3ff8000000000000 626f6b f5",
           "a0",
           "bfff",
           "bf 6161 7f 6161 6162 ff 616e 1903e8 ff",
           "a1 6161 f6",
           "a2 656f74686572 a1 6464656570 82 01 02 616e 07",
           "d9d9f7 a2 6161 62c3a4 6178 f9bc00",
           "a1 616e 3b7fffffffffffffff",
           "a1 616e c2 480000000000000007",
           "a2 01 02 616a c0 74 323031332d30332d32315432303a30343a30305a",
       })
    out.good.push_back(bytes(hex));
  for (const char* hex : {
           "",
           "00",
           "20",
           "40",
           "60",
           "f4",
           "f6",
           "f7",
           "f93c00",
           "6161",
           "4101",
           "c100",
           "ff",
           // ends too early
           "a1",
           "a1 61",
           "a1 6161",
           "a1 6161 61",
           "a2 6161 6174",
           "a1 616e 18",
           "a1 616e 19 00",
           "a1 616e 1a 000000",
           "a1 616e 1b 00000000000000",
           "a1 616e 38",
           "a1 6178 f9 00",
           "a1 6178 fa 000000",
           "a1 6178 fb 00000000000000",
           "a1 6161 78",
           "a1 6161 7801",
           "a1 616a 42 00",
           "a1 616a 58",
           "a1 616a 5801",
           "a1 616a 81",
           "a1 616a 82 01",
           "a1 616a a1",
           "a1 616a a1 01",
           "a1 616a 98",
           "a1 616a 9801",
           "a1 616a c1",
           "a1 616a d8",
           "a1 616a d818",
           "a1 616a f8",
           "b8",
           "b801",
           "b90001",
           "ba00000001",
           "bb0000000000000001",
           "bbffffffffffffffff",
           "a1 616a 9bffffffffffffffff",
           "a1 6161 7bffffffffffffffff",
           "a1 616a 5bffffffffffffffff",
           "bf",
           "bf 6161",
           "bf 616e 01",
           "a1 616a 9f",
           "a1 616a 9f 01",
           "a1 616a 5f",
           "a1 616a 5f 41",
           "a1 616a 7f 6161",
           "a1 616a bf 01",
           // bytes that begin nothing
           "a1 616a 1c",
           "a1 616a 1d",
           "a1 616a 1e",
           "a1 616a 1f",
           "a1 616a 3c",
           "a1 616a 3f",
           "a1 616a 5c",
           "a1 616a 7d",
           "a1 616a 9e",
           "a1 616a bc",
           "a1 616a dc",
           "a1 616a df",
           "a1 616a fc",
           "a1 616a fd",
           "a1 616a fe",
           "a1 616a f800",
           "a1 616a f81f",
           // ends of nothing, and chunks that are none
           "a1 ff",
           "a1 616a ff",
           "a1 616a 81 ff",
           "bf 616a ff",
           "a1 616a bf 01 ff",
           "a1 616a c1 ff",
           "a1 616a 5f 6161 ff",
           "a1 616a 7f 4101 ff",
           "a1 616a 5f 01 ff",
           "a1 616a 5f 5f 4101 ff ff",
           "a1 616a 7f 7f 6161 ff ff",
           "bf ff ff",
           // something behind the record
           "a0 a0",
           "a0 00",
           "a0 ff",
           "a1 616e 01 01",
           "bfff f6",
           // keys that are none
           "a1 f6 01",
           "a1 f4 01",
           "a1 f93c00 01",
           "a1 80 01",
           "a1 a0 01",
           "a1 4161 01",
           "a1 1b8000000000000000 01",
           "a1 61ff 01",
           "a1 62c080 01",
           "a1 616a a1 f6 01",
           "a1 7f 61ff ff 01",
           // what is no value
           "a1 616a 1b8000000000000000",
           "a1 616a 3b8000000000000000",
           "a1 616a c2 488000000000000000",
           "a1 616a c2 49010000000000000000",
           "a1 616a c3 49010000000000000000",
           "a1 616a 81 1bffffffffffffffff",
           "a1 616a f0",
           "a1 616a e0",
           "a1 616a f8ff",
           "a1 616a 81 f8ff",
           "a1 616a 61ff",
           "a1 616a 62c080",
           "a1 616a 63eda080",
           "a1 616a 64f4908080",
           "a1 616a 62e282",
           "a1 616a 81 6180",
           "a1 616a 7f 61c3 61 ff ff",
           // of another type than the column
           "a1 6161 01",
           "a1 6161 f5",
           "a1 6161 f93e00",
           "a1 6161 80",
           "a1 616e 6131",
           "a1 616e f5",
           "a1 616e f93e00",
           "a1 616e a0",
           "a1 616e 4101",
           "a1 6178 63312e35",
           "a1 6178 f4",
           "a1 6178 80",
           "a1 626f6b 01",
           "a1 626f6b 6474727565",
           "a2 616e 6131 616e 01",
           // arrays of what is no record
           "81",
           "81 01",
           "81 f6",
           "81 81 a0",
           "81 a1 616e 6131",
           "82 a0",
           "9f",
           "9f a0",
           "81 a0 a0",
           "9f 01 ff",
           "9bffffffffffffffff",
       })
    out.bad.push_back(bytes(hex));
  out.bad.push_back(bytes("a1 616a") + repeated(bytes("81"), 64) + bytes("01"));
  out.bad.push_back(repeated(bytes("a1 616a"), 65) + bytes("01"));
  out.bad.push_back(repeated(bytes("81"), 100'000));
  out.bad.push_back(repeated(bytes("9f"), 100'000));
  std::string crowded = bytes("b91001");
  for (int i = 0; i < 4097; ++i) crowded += bytes("00 00");
  out.bad.push_back(crowded);
  return out;
}

// Under the topic of a node's data.
Samples sparkplug() {
  Samples out;
  const std::string metric = Metric("Temp").alias(1).time(5).type(10).real(1.5).str();
  const std::string whole = Message().metric(Metric("Temp").alias(1).time(5).type(10).real(1.5));
  out.good = {
      Message().metric(Metric("m").type(10).real(1.5)),
      Message().time(7).seq(0).metric(Metric("m").time(8).type(9).single(1)),
      Message().metric(Metric("m").type(3).integer(7).historical()),
      Message().metric(Metric("m").type(10).null()),
      Message().metric(Metric("m").real(2)),
      Message().metric(Metric("\xc3\xa4").type(7).integer(4294967295)),
      std::string(Message().metric(Metric("m").real(2))) + Protobuf().bytes(4, "uuid").varint(99, 1).str()};
  for (std::size_t size = 1; size < whole.size(); ++size) out.bad.push_back(whole.substr(0, size));
  // Of a metric that is cut short, what is left may still be one.
  for (std::size_t size = 1; size < metric.size(); ++size)
    if (size != 6 && size != 8 && size != 10 && size != 12)
      out.bad.push_back(Protobuf().bytes(2, metric.substr(0, size)));
  const auto bad = [&](const Metric& one) { out.bad.push_back(Message().metric(one)); };
  bad(Metric());
  bad(Metric().real(1));
  bad(Metric().alias(1).real(1));
  bad(Metric("\xff").real(1));
  bad(Metric("\xc0\x80").real(1));
  bad(Metric("\xed\xa0\x80").real(1));
  bad(Metric("m").integer(1));
  bad(Metric("m").wide(1));
  bad(Metric("m").type(0).integer(1));
  for (const std::uint32_t type :
       {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 11u, 12u, 13u, 14u, 15u, 16u, 17u, 18u, 19u, 22u, 99u})
    bad(Metric("m").type(type).real(1));
  for (const std::uint32_t type : {9u, 10u, 12u, 14u, 15u, 16u, 17u, 19u, 20u, 30u, 99u})
    bad(Metric("m").type(type).integer(1));
  for (const std::uint32_t type : {1u, 10u, 13u, 16u, 17u, 18u, 19u, 31u, 99u})
    bad(Metric("m").type(type).text("1.5"));
  bad(Metric("m").type(8).wide(~std::uint64_t{0}));
  bad(Metric("m").type(12).text("\xff"));
  bad(Metric("m").type(12).text("t"));  // the column is a float
  bad(Metric("m").type(11).boolean(true));
  bad(Metric("m").type(17).bytes("b"));
  bad(Metric("m").type(10).bytes("b"));
  bad(Metric("m").type(31).bytes("1234567"));
  bad(Metric("m").type(16).data_set("\xff"));
  bad(Metric("m").type(19).tree("\xff"));
  bad(Metric("m").real(1).time(~std::uint64_t{0}));
  for (const char* hex : {"00",
                          "07",
                          "ff",
                          "80",
                          "ffffffffffffffffffff01",
                          "0b",
                          "0c",
                          "0e",
                          "0f",
                          "12",
                          "1205",
                          "12ff",
                          "12ffffffff0f",
                          "12ffffffffffffffffff01",
                          "1301",
                          "09",
                          "0900000000000000",
                          "0d",
                          "0d000000",
                          "08",
                          "0880",
                          "08ffffffffffffffffff02",
                          "08ffffffffffffffffffff01",
                          "0800 12",
                          "8080808010 00"})
    out.bad.push_back(bytes(hex));
  out.bad.push_back(R"({"metrics":[]})");
  out.bad.push_back("ONLINE");
  out.bad.push_back(repeated("\x12\x00", 1) + "\xff");
  out.bad.push_back(repeated("\xff", 100'000));
  return out;
}

}  // namespace

std::string bytes(std::string_view hex) {
  std::string digits;
  for (const char c : hex)
    if (c != ' ') digits += c;
  const auto read = from_hex(digits);
  invariant(read.has_value(), hex);
  return *read;
}

Samples binary_samples(FormatSettings::Type type) {
  if (type == FormatSettings::Type::sparkplug) return sparkplug();
  return type == FormatSettings::Type::msgpack ? msgpack() : cbor();
}

}  // namespace tidemark::test
