// Functions of mathematics: roots, powers, logarithms, angles, and distances on the Earth.
//
// sqrt is exact. The others are the C library's, whose last bit may differ between its versions and between
// processors, as it chooses among several implementations; on one machine they always give the same.
#include <cmath>
#include <numbers>

#include "expressions/functions_list.h"

namespace tidemark::function {
namespace {

using Kind = EvalError::Kind;

constexpr double kPi = std::numbers::pi;

// What is not a number is NULL.
Fault give(double d, Value& out) {
  out = std::isnan(d) ? Value::null() : Value::real(d);
  return {};
}

template <double (*kOf)(double)>
Fault of_one(const Arguments& arguments, Value& out) {
  return give(kOf(arguments[0].as_number()), out);
}

template <double (*kOf)(double, double)>
Fault of_two(const Arguments& arguments, Value& out) {
  return give(kOf(arguments[0].as_number(), arguments[1].as_number()), out);
}

// NULL instead of an infinity at 0, as in sqlite.
double positive(double x) {
  return x > 0 ? x : std::nan("");
}

double ln(double x) {
  return std::log(positive(x));
}
double log10(double x) {
  return std::log10(positive(x));
}
double log2(double x) {
  return std::log2(positive(x));
}

// The two bases whose logarithms are whole for whole powers have functions of their own.
double log_of_base(double base, double x) {
  if (base == 10) return log10(x);
  if (base == 2) return log2(x);
  return base == 1 ? std::nan("") : ln(x) / ln(base);
}

Fault log(const Arguments& arguments, Value& out) {
  return arguments.size() == 1 ? of_one<log10>(arguments, out) : of_two<log_of_base>(arguments, out);
}

double degrees(double x) {
  return x * (180.0 / kPi);
}
double radians(double x) {
  return x * (kPi / 180.0);
}

Fault pi(const Arguments&, Value& out) {
  out = Value::real(kPi);
  return {};
}

// Places in degrees, north and east positive.
struct Pair {
  double latitude1, longitude1, latitude2, longitude2;
  bool is_on_earth() const {
    return std::fabs(latitude1) <= 90 && std::fabs(latitude2) <= 90 && std::fabs(longitude1) <= 360 &&
           std::fabs(longitude2) <= 360;
  }
};

Pair places(const Arguments& arguments) {
  return {arguments[0].as_number(), arguments[1].as_number(), arguments[2].as_number(),
          arguments[3].as_number()};
}

// By the haversine formula, on a sphere of the Earth's mean radius: within 0.5 % of the ellipsoid.
Fault geo_distance(const Arguments& arguments, Value& out) {
  constexpr double kMeanRadius = 6371008.8;  // IUGG's R1, in metres
  const Pair p = places(arguments);
  if (!p.is_on_earth()) return Kind::out_of_range;
  const double up = std::sin(radians(p.latitude2 - p.latitude1) / 2);
  const double across = std::sin(radians(p.longitude2 - p.longitude1) / 2);
  const double a =
      up * up + std::cos(radians(p.latitude1)) * std::cos(radians(p.latitude2)) * across * across;
  return give(2 * kMeanRadius * std::asin(std::sqrt(std::fmin(1.0, a))), out);
}

// The direction in which the way along a great circle begins.
Fault geo_bearing(const Arguments& arguments, Value& out) {
  const Pair p = places(arguments);
  if (!p.is_on_earth()) return Kind::out_of_range;
  const double from = radians(p.latitude1), to = radians(p.latitude2);
  const double turn = radians(p.longitude2 - p.longitude1);
  const double east = std::sin(turn) * std::cos(to);
  const double north = std::cos(from) * std::sin(to) - std::sin(from) * std::cos(to) * std::cos(turn);
  const double bearing = degrees(std::atan2(east, north));
  return give(bearing < 0 ? std::fmod(bearing + 360, 360) : bearing + 0.0, out);
}

constexpr Function kMathematics[] = {
    {.signature = "acos(x)",
     .doc = "the angle whose cosine is x, in radians",
     .example = "acos(1) => 0.0",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<std::acos>},
    {.signature = "acosh(x)",
     .doc = "its hyperbolic counterpart",
     .example = "acosh(1) => 0.0",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<std::acosh>},
    {.signature = "asin(x)",
     .doc = "the angle whose sine is x, in radians",
     .example = "asin(0) => 0.0",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<std::asin>},
    {.signature = "asinh(x)",
     .doc = "its hyperbolic counterpart",
     .example = "asinh(0) => 0.0",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<std::asinh>},
    {.signature = "atan(x)",
     .doc = "the angle whose tangent is x, in radians",
     .example = "atan(0) => 0.0",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<std::atan>},
    {.signature = "atan2(y, x)",
     .doc = "the angle of the point (x, y), in radians",
     .example = "atan2(0, 1) => 0.0",
     .takes = {kNumber, kNumber},
     .gives = kReal,
     .evaluate = of_two<std::atan2>},
    {.signature = "atanh(x)",
     .doc = "the hyperbolic counterpart of atan",
     .example = "atanh(0) => 0.0",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<std::atanh>},
    {.signature = "cos(x)",
     .doc = "the cosine of an angle in radians",
     .example = "cos(0) => 1.0",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<std::cos>},
    {.signature = "cosh(x)",
     .doc = "its hyperbolic counterpart",
     .example = "cosh(0) => 1.0",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<std::cosh>},
    {.signature = "degrees(x)",
     .doc = "an angle in radians as degrees",
     .example = "degrees(pi()) => 180.0",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<degrees>},
    {.signature = "exp(x)",
     .doc = "e to the power of x",
     .example = "exp(0) => 1.0",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<std::exp>},
    {.signature = "geo_bearing(latitude1, longitude1, latitude2, longitude2)",
     .doc = "the direction from the first place to the second, in degrees from 0 (north) by way of 90 "
            "(east); places are in degrees",
     .example = "geo_bearing(0, 0, 0, 10) => 90.0",
     .takes = {kNumber, kNumber, kNumber, kNumber},
     .gives = kReal,
     .evaluate = geo_bearing},
    {.signature = "geo_distance(latitude1, longitude1, latitude2, longitude2)",
     .doc = "metres between two places in degrees, along the surface of a sphere as large as the Earth",
     .example = "round(geo_distance(48.1372, 11.5756, 52.5163, 13.3777)) => 503415.0",
     .takes = {kNumber, kNumber, kNumber, kNumber},
     .gives = kReal,
     .evaluate = geo_distance},
    {.signature = "ln(x)",
     .doc = "the natural logarithm; NULL for x <= 0, as of all logarithms",
     .example = "ln(1) => 0.0",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<ln>},
    {.signature = "log([base, ]x)",
     .doc = "the logarithm of x, to base 10 when none is given",
     .example = "log(2, 8) => 3.0",
     .takes = {kNumber, kNumber},
     .optional = 1,
     .gives = kReal,
     .evaluate = log},
    {.signature = "log10(x)",
     .doc = "the logarithm to base 10",
     .example = "log10(1000) => 3.0",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<log10>},
    {.signature = "log2(x)",
     .doc = "the logarithm to base 2",
     .example = "log2(8) => 3.0",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<log2>},
    {.signature = "pi()",
     .doc = "the number",
     .example = "pi() => 3.141592653589793",
     .gives = kReal,
     .evaluate = pi},
    {.signature = "pow(x, y)",
     .doc = "x to the power of y",
     .example = "pow(2, 10) => 1024.0",
     .also = "power",
     .takes = {kNumber, kNumber},
     .gives = kReal,
     .evaluate = of_two<std::pow>},
    {.signature = "radians(x)",
     .doc = "an angle in degrees as radians",
     .example = "radians(180) => 3.141592653589793",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<radians>},
    {.signature = "sin(x)",
     .doc = "the sine of an angle in radians",
     .example = "sin(0) => 0.0",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<std::sin>},
    {.signature = "sinh(x)",
     .doc = "its hyperbolic counterpart",
     .example = "sinh(0) => 0.0",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<std::sinh>},
    {.signature = "sqrt(x)",
     .doc = "the square root; NULL of a negative number",
     .example = "sqrt(2.25) => 1.5",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<std::sqrt>},
    {.signature = "tan(x)",
     .doc = "the tangent of an angle in radians",
     .example = "tan(0) => 0.0",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<std::tan>},
    {.signature = "tanh(x)",
     .doc = "its hyperbolic counterpart",
     .example = "tanh(0) => 0.0",
     .takes = {kNumber},
     .gives = kReal,
     .evaluate = of_one<std::tanh>},
};

}  // namespace

std::span<const Function> mathematics() {
  return kMathematics;
}

}  // namespace tidemark::function
