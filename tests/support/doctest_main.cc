#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#if defined(__SANITIZE_THREAD__)
// libmosquitto 2.0 unlocks a mutex that it does not hold when a broker says DISCONNECT.
extern "C" const char* __tsan_default_suppressions() {
  return "mutex:libmosquitto.so\n";
}
#endif
