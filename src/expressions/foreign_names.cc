#include "expressions/foreign_names.h"

namespace tidemark {
namespace {

struct Advice {
  std::string_view names;  // a space before and after each
  std::string_view advice;
};

// Of SQLite, PostgreSQL, MySQL, Flink and eKuiper.
constexpr Advice kAdvice[] = {
    {" now current_timestamp current_time current_date localtimestamp sysdate getdate unixepoch "
     "unix_timestamp"
     " cur_date cur_time tstamp clock_timestamp ",
     "nothing here sees a clock, so that a replay gives the same results; _received is when the record "
     "arrived,"
     " _time when it happened"},
    {" random rand randomblob uuid newuuid gen_random_uuid ",
     "nothing here is random, so that a replay gives the same results; hash(x) spreads values evenly"},
    {" datetime date time strftime date_format to_char from_unixtime ",
     "write format_time(time, pattern, zone)"},
    {" to_timestamp to_date strptime str_to_date date_parse julianday ",
     "write parse_time(text, pattern, zone)"},
    {" timestampadd dateadd date_sub date_calc ", "write date_add(unit, n, time)"},
    {" timestampdiff datediff age ", "write date_diff(unit, from, to)"},
    {" date_bin ", "write time_bucket(width, time)"},
    {" make_timestamp make_date ", "write make_time(year, month, day, hour, minute, second)"},
    {" convert_tz timezone ",
     "a time has no zone; format_time, parse_time, date_part and date_trunc take one as their last argument"},
    {" month_name monthname day_name dayname ", "write format_time(time, '%B') or format_time(time, '%A')"},
    {" last_day ", "write date_add('day', -1, date_add('month', 1, date_trunc('month', time)))"},
    {" from_unix_time ", "times are milliseconds: write seconds * 1000"},
    {" to_seconds ", "write time / 1000"},
    {" dayofmonth day_of_month ", "write day(time)"},
    {" dayofweek day_of_week weekday ", "write date_part('isodow', time): 1 Monday to 7 Sunday"},
    {" dayofyear day_of_year ", "write date_part('doy', time)"},
    {" week weekofyear quarter ", "write date_part(unit, time)"},
    {" len char_count character_length ", "write length(text)"},
    {" numbytes byte_length ", "write octet_length(text)"},
    {" ucase ", "write upper(text)"},
    {" lcase ", "write lower(text)"},
    {" indexof position locate charindex ", "write instr(text, part): the first character is 1, 0 is none"},
    {" split split_value substring_index ", "write split_part(text, separator, n): the first part is 1"},
    {" str_replace ", "write replace(text, part, by)"},
    {" startswith ", "write starts_with(text, part)"},
    {" endswith ", "write ends_with(text, part)"},
    {" regexp_matches regexp_match rlike regex_match ", "write regexp_like(text, pattern)"},
    {" regexp_substr regexp_substring ", "write regexp_extract(text, pattern, group)"},
    {" bitand bitor bitxor bitnot ", "write x & y, x | y, bit_xor(x, y), ~x"},
    {" get_bit getbit ", "write bit_test(x, n)"},
    {" dec2hex to_hex bin oct conv ", "write to_base(n, base)"},
    {" hex2dec from_hex ", "write from_base(digits, 16), or unhex(digits) for bytes"},
    {" base64 encode ", "write to_base64(text), hex(text) or url_encode(text)"},
    {" unbase64 ", "write from_base64(text)"},
    {" isnull ", "write x IS NULL"},
    {" notnull ", "write x IS NOT NULL"},
    {" decode choose ", "write CASE x WHEN … THEN … ELSE … END"},
    {" nvl2 ", "write if(x IS NULL, z, y)"},
    {" convert try_convert ", "write CAST(x AS type) or TRY_CAST(x AS type)"},
    {" json_query json_path_query json_path_query_first json_array_elements ",
     "write json_extract(text, path), or json(text, path) for a part that stays JSON"},
    {" json_path_exists ", "write json_exists(text, path)"},
    {" object_construct json_build_object ", "write json_object(name, x, …)"},
    {" json_build_array ", "write json_array(x, …)"},
    {" json_object_keys keys ", "write json_keys(text)"},
    {" to_json json_stringify ", "write json_quote(x)"},
    {" cardinality array_length ", "write json_length(text)"},
    {" element_at ", "write a[0] for the first item of an array in a record, or json_extract(text, '$[0]')"},
    {" array_contains ", "write json_contains(text, x)"},
    {" glob ", "write text LIKE 'a%' or text REGEXP '^a'"},
    {" cbrt ", "write pow(x, 1.0 / 3)"},
    {" square ", "write x * x"},
    {" cot ", "write 1 / tan(x)"},
    {" meta mqtt ", "write _topic, _source, _time or _received"},
    {" topic ", "write _topic"},
    {" st_distance haversine ", "write geo_distance(latitude1, longitude1, latitude2, longitude2)"},
};

}  // namespace

std::string_view advice_for(std::string_view name) {
  for (const Advice& each : kAdvice) {
    for (std::size_t at = each.names.find(name); at != std::string_view::npos;
         at = each.names.find(name, at + 1)) {
      if (at > 0 && each.names[at - 1] == ' ' && each.names.substr(at + name.size()).starts_with(' '))
        return each.advice;
    }
  }
  return {};
}

}  // namespace tidemark
