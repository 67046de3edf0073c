// Tells the thread sanitizer about absl::Mutex, CondVar and Notification. Debian's Abseil is a shared library
// that was built without it, and its locks are futexes, so that without this every field guarded by an
// absl::Mutex is reported as a race.
//
// Linked into the executables of the `tsan` preset only. The functions below take the place of the library's
// (the dynamic linker asks the executable first), announce what happens, and call the library's. Between an
// announcement's "pre" and "post" the sanitizer looks away, which covers conditions evaluated for others.
#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdlib>

namespace {

// The library's function under this name.
template <typename Function>
Function Real(const char* name) {
  void* const found = dlsym(RTLD_NEXT, name);
  if (found == nullptr) std::abort();  // Another version of the library: its names have to be put in here.
  return reinterpret_cast<Function>(found);
}

// clang-format off
#define CAIRN_REAL(result, name, ...) \
  static const auto real = Real<result (*)(__VA_ARGS__)>(name)
// clang-format on

constexpr unsigned kWrite = 0;
constexpr unsigned kRead = __tsan_mutex_read_lock;
constexpr unsigned kTry = __tsan_mutex_try_lock;

// The library may serve one of these functions by another of them; only the outermost call is announced.
thread_local int depth = 0;

class Nested {
 public:
  Nested() { ++depth; }
  ~Nested() { --depth; }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;
};

template <typename Call>
void Locking(void* mutex, unsigned how, const Call& call) {
  if (depth > 0) return call();
  const Nested nested;
  __tsan_mutex_pre_lock(mutex, how);
  call();
  __tsan_mutex_post_lock(mutex, how, 0);
}

template <typename Call>
void Unlocking(void* mutex, unsigned how, const Call& call) {
  if (depth > 0) return call();
  const Nested nested;
  __tsan_mutex_pre_unlock(mutex, how);
  call();
  __tsan_mutex_post_unlock(mutex, how);
}

template <typename Call>
bool Trying(void* mutex, unsigned how, const Call& call) {
  if (depth > 0) return call();
  const Nested nested;
  __tsan_mutex_pre_lock(mutex, how | kTry);
  const bool locked = call();
  __tsan_mutex_post_lock(mutex, how | kTry | (locked ? 0 : __tsan_mutex_try_lock_failed), 0);
  return locked;
}

// Gives the lock back, waits, and takes it again.
template <typename Call>
auto Waiting(void* mutex, const Call& call) {
  if (depth > 0) return call();
  const Nested nested;
  __tsan_mutex_pre_unlock(mutex, kWrite);
  __tsan_mutex_post_unlock(mutex, kWrite);
  __tsan_mutex_pre_lock(mutex, kWrite);
  const auto result = call();
  __tsan_mutex_post_lock(mutex, kWrite, 0);
  return result;
}

// Who finds a notification given already takes no lock: the library reads a flag, which lies behind the lock.
// The name has to be the flag's own address: HasBeenNotified(), inlined into our code, reads it.
void* FlagOf(const absl::Notification* notification) {
  static_assert(sizeof(absl::Notification) == 2 * sizeof(absl::Mutex));
  return const_cast<char*>(reinterpret_cast<const char*>(notification)) + sizeof(absl::Mutex);
}

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

Mutex::~Mutex() {
  CAIRN_REAL(void, "_ZN4absl7debian35MutexD1Ev", Mutex*);
  __tsan_mutex_destroy(this, 0);
  real(this);
}

void Mutex::Lock() {
  CAIRN_REAL(void, "_ZN4absl7debian35Mutex4LockEv", Mutex*);
  Locking(this, kWrite, [&] { real(this); });
}

void Mutex::Unlock() {
  CAIRN_REAL(void, "_ZN4absl7debian35Mutex6UnlockEv", Mutex*);
  Unlocking(this, kWrite, [&] { real(this); });
}

bool Mutex::TryLock() {
  CAIRN_REAL(bool, "_ZN4absl7debian35Mutex7TryLockEv", Mutex*);
  return Trying(this, kWrite, [&] { return real(this); });
}

void Mutex::ReaderLock() {
  CAIRN_REAL(void, "_ZN4absl7debian35Mutex10ReaderLockEv", Mutex*);
  Locking(this, kRead, [&] { real(this); });
}

void Mutex::ReaderUnlock() {
  CAIRN_REAL(void, "_ZN4absl7debian35Mutex12ReaderUnlockEv", Mutex*);
  Unlocking(this, kRead, [&] { real(this); });
}

bool Mutex::ReaderTryLock() {
  CAIRN_REAL(bool, "_ZN4absl7debian35Mutex13ReaderTryLockEv", Mutex*);
  return Trying(this, kRead, [&] { return real(this); });
}

void Mutex::Await(const Condition& condition) {
  CAIRN_REAL(void, "_ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE", Mutex*, const Condition&);
  Waiting(this, [&] { return real(this, condition), true; });
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  CAIRN_REAL(bool, "_ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE", Mutex*,
             const Condition&, Duration);
  return Waiting(this, [&] { return real(this, condition, timeout); });
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  CAIRN_REAL(bool, "_ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE", Mutex*,
             const Condition&, Time);
  return Waiting(this, [&] { return real(this, condition, deadline); });
}

void Mutex::LockWhen(const Condition& condition) {
  CAIRN_REAL(void, "_ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE", Mutex*, const Condition&);
  Locking(this, kWrite, [&] { real(this, condition); });
}

void CondVar::Wait(Mutex* mutex) {
  CAIRN_REAL(void, "_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE", CondVar*, Mutex*);
  Waiting(mutex, [&] { return real(this, mutex), true; });
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  CAIRN_REAL(bool, "_ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE", CondVar*, Mutex*,
             Duration);
  return Waiting(mutex, [&] { return real(this, mutex, timeout); });
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  CAIRN_REAL(bool, "_ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE", CondVar*, Mutex*,
             Time);
  return Waiting(mutex, [&] { return real(this, mutex, deadline); });
}

void Notification::Notify() {
  CAIRN_REAL(void, "_ZN4absl7debian312Notification6NotifyEv", Notification*);
  __tsan_release(FlagOf(this));
  real(this);  // The waiter may end it from here on.
}

void Notification::WaitForNotification() const {
  CAIRN_REAL(void, "_ZNK4absl7debian312Notification19WaitForNotificationEv", const Notification*);
  real(this);
  __tsan_acquire(FlagOf(this));
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  CAIRN_REAL(bool, "_ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE",
             const Notification*, Duration);
  const bool notified = real(this, timeout);
  if (notified) __tsan_acquire(FlagOf(this));
  return notified;
}

bool Notification::WaitForNotificationWithDeadline(Time deadline) const {
  CAIRN_REAL(bool, "_ZNK4absl7debian312Notification31WaitForNotificationWithDeadlineENS0_4TimeE",
             const Notification*, Time);
  const bool notified = real(this, deadline);
  if (notified) __tsan_acquire(FlagOf(this));
  return notified;
}

ABSL_NAMESPACE_END
}  // namespace absl
