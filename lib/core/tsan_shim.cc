// For TSan builds only. Debian's Abseil and gRPC are not instrumented, so TSan does not see the
// order that their locks create, and reports false races. These wrappers replace the functions of
// absl::Mutex and absl::CondVar at link time, call the real ones, and tell TSan about the order.
#include <absl/base/options.h>
#include <absl/synchronization/mutex.h>
#include <dlfcn.h>

#include <cstdlib>

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}

namespace absl {
namespace {

#define ARKSHARE_STRING_1(x) #x
#define ARKSHARE_STRING(x) ARKSHARE_STRING_1(x)
// "7debian3": the inline namespace of this Abseil, mangled.
#define ARKSHARE_ABSL_NAMESPACE "7" ARKSHARE_STRING(ABSL_OPTION_INLINE_NAMESPACE_NAME)
static_assert(sizeof(ARKSHARE_STRING(ABSL_OPTION_INLINE_NAMESPACE_NAME)) == 7 + 1,
              "the mangled names below begin with the length of the namespace's name");
#define ARKSHARE_MUTEX "_ZN4absl" ARKSHARE_ABSL_NAMESPACE "5Mutex"
#define ARKSHARE_CONDVAR "_ZN4absl" ARKSHARE_ABSL_NAMESPACE "7CondVar"

// Returns the function of Abseil's shared library that a wrapper replaces.
template <typename Function>
Function Real(const char* mangled_name) {
  void* const symbol = dlsym(RTLD_NEXT, mangled_name);
  if (symbol == nullptr) std::abort();
  return reinterpret_cast<Function>(symbol);
}

}  // namespace

void Mutex::Lock() {
  static const auto real = Real<void (*)(Mutex*)>(ARKSHARE_MUTEX "4LockEv");
  real(this);
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  static const auto real = Real<void (*)(Mutex*)>(ARKSHARE_MUTEX "6UnlockEv");
  __tsan_release(this);
  real(this);
}

bool Mutex::TryLock() {
  static const auto real = Real<bool (*)(Mutex*)>(ARKSHARE_MUTEX "7TryLockEv");
  const bool locked = real(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

void CondVar::Wait(Mutex* mutex) {
  static const auto real = Real<void (*)(CondVar*, Mutex*)>(ARKSHARE_CONDVAR "4WaitEPNS0_5MutexE");
  __tsan_release(mutex);
  real(this, mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static const auto real = Real<bool (*)(CondVar*, Mutex*, Time)>(
      ARKSHARE_CONDVAR "16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  __tsan_release(mutex);
  const bool timed_out = real(this, mutex, deadline);
  __tsan_acquire(mutex);
  return timed_out;
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static const auto real = Real<bool (*)(CondVar*, Mutex*, Duration)>(
      ARKSHARE_CONDVAR "15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  __tsan_release(mutex);
  const bool timed_out = real(this, mutex, timeout);
  __tsan_acquire(mutex);
  return timed_out;
}

}  // namespace absl
