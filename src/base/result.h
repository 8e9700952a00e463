// Result<T> is what a fallible function returns: a value or an Error. Neglecting it does not compile.
//
// An Error says, in one line, what was being done, to what, what the system answered, and what the operator
// can do: "sync segment journal/12: no space left on device; free space or lower journal.max_size".
// Exceptions stop at the door of the library that throws them; a broken invariant aborts (see invariant.h).
// Threads: values, safe to move between threads.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace tidemark {

struct [[nodiscard]] Error {
  enum class Kind {
    failed,     // the operation did not work; trying again later may
    usage,      // the caller asked for something that does not hold (command line, configuration)
    not_found,  // the thing named does not exist
    corrupt,    // bytes on disk do not verify; the message names the file and the remedy
    no_space,   // the disk is full
    busy,       // held by somebody else for now; trying again later will work
  };
  std::string message;
  Kind kind = Kind::failed;
};

template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
  Result(std::expected<T, Error> other) : std::expected<T, Error>(std::move(other)) {}
};

using Status = Result<void>;

inline std::unexpected<Error> fail(std::string message, Error::Kind kind = Error::Kind::failed) {
  return std::unexpected<Error>(Error{std::move(message), kind});
}

// Hands an error on unchanged: `if (!r) return pass_on(r);`
template <class T>
std::unexpected<Error> pass_on(Result<T>& failed) {
  return std::unexpected<Error>(std::move(failed.error()));
}

// Hands an error on with what was being done put before it: "open journal: <cause>".
template <class T>
std::unexpected<Error> pass_on(Result<T>& failed, std::string_view doing) {
  Error error = std::move(failed.error());
  error.message.insert(0, std::string(doing) + ": ");
  return std::unexpected<Error>(std::move(error));
}

}  // namespace tidemark
