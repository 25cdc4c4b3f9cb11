#include "services/index/service/key_dialer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "lib/core/clock.h"
#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

// How long the thread waits when nothing is due.
constexpr absl::Duration kIdle = absl::Minutes(1);

absl::Time DialNow() { return Clock::Real()->Monotonic(); }

}  // namespace

KeyDialer::KeyDialer(const LeafCertificate& leaf)
    : context_(leaf), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  thread_ = std::thread([this] { Run(); });
}

KeyDialer::~KeyDialer() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  Wake();
  thread_.join();
  close(wake_fd_);
}

uint64_t KeyDialer::Dial(const std::string& address, absl::Duration timeout, Done done,
                         const std::string& authority) {
  Dialling dialling;
  dialling.address = address;
  dialling.authority = authority;
  dialling.timeout = timeout;
  dialling.end = DialNow() + timeout;
  dialling.done = std::move(done);
  uint64_t id = 0;
  {
    MutexLock lock(&mutex_);
    id = dialling.id = next_id_++;
    added_.push_back(std::move(dialling));
  }
  Wake();
  return id;
}

void KeyDialer::Cancel(uint64_t id) {
  {
    MutexLock lock(&mutex_);
    cancelled_.push_back(id);
  }
  Wake();
}

void KeyDialer::Add(Dialling dialling) {
  {
    MutexLock lock(&mutex_);
    added_.push_back(std::move(dialling));
  }
  Wake();
}

void KeyDialer::Wake() { (void)eventfd_write(wake_fd_, 1); }

void KeyDialer::Run() {
  while (TakeWork()) {
    Finish();
    AwaitNetwork();
    Finish();
  }
}

bool KeyDialer::TakeWork() {
  std::vector<Dialling> added;
  std::vector<uint64_t> cancelled;
  bool stopping = false;
  {
    MutexLock lock(&mutex_);
    added.swap(added_);
    cancelled.swap(cancelled_);
    stopping = stopping_;
  }
  for (Dialling& dialling : added) Begin(std::move(dialling));
  for (const uint64_t id : cancelled) {
    const auto place = at_work_.find(id);
    if (place != at_work_.end()) place->second.handshake->GiveUp();
    if (resolvers_.contains(id)) cancelled_resolving_.insert(id);
  }
  if (!stopping) return true;
  for (auto& [id, dialling] : at_work_) dialling.handshake->GiveUp();
  Finish();
  return !resolvers_.empty();
}

void KeyDialer::Begin(Dialling dialling) {
  if (const auto resolver = resolvers_.find(dialling.id); resolver != resolvers_.end()) {
    resolver->second.join();
    resolvers_.erase(resolver);
    if (cancelled_resolving_.erase(dialling.id) != 0) {
      return dialling.done(absl::CancelledError("the dial was cancelled"), false);
    }
    if (dialling.resolved.addresses.empty()) {
      return dialling.done(absl::UnavailableError(dialling.resolved.trouble), false);
    }
  } else {
    absl::StatusOr<HostPort> target = ParseHostPort(dialling.address);
    if (!target.ok())
      return dialling.done(absl::UnavailableError(target.status().message()), false);
    if (target->host == "localhost") target->host = "127.0.0.1";
    const std::optional<SocketAddress> address = ToSocketAddress(*target);
    if (!address.has_value()) return ResolveThenBegin(std::move(dialling));
    dialling.resolved.addresses.push_back(*address);
  }
  dialling.handshake = std::make_unique<KeyHandshake>(context_, dialling.resolved.addresses.front(),
                                                      dialling.authority);
  at_work_.emplace(dialling.id, std::move(dialling));
}

void KeyDialer::ResolveThenBegin(Dialling dialling) {
  const uint64_t id = dialling.id;
  resolvers_[id] = std::thread([this, dialling = std::move(dialling)]() mutable {
    dialling.resolved = Resolve(*ParseHostPort(dialling.address), dialling.timeout);
    Add(std::move(dialling));
  });
}

void KeyDialer::AwaitNetwork() {
  const absl::Time now = DialNow();
  absl::Time next = now + kIdle;
  std::vector<pollfd> wanted = {{.fd = wake_fd_, .events = POLLIN, .revents = 0}};
  std::vector<Dialling*> owners;
  for (auto& [id, dialling] : at_work_) {
    next = std::min(next, dialling.end);
    owners.push_back(&dialling);
    wanted.push_back({dialling.handshake->fd(), dialling.handshake->events(), 0});
  }
  const absl::Duration left = std::max(next - now, absl::ZeroDuration());
  if (poll(wanted.data(), wanted.size(), static_cast<int>(absl::ToInt64Milliseconds(left)) + 1) <
      0) {
    return;
  }
  eventfd_t count = 0;
  if (wanted[0].revents != 0) (void)eventfd_read(wake_fd_, &count);
  for (size_t i = 0; i < owners.size(); ++i) {
    if (wanted[i + 1].revents != 0) owners[i]->handshake->Advance();
  }
}

void KeyDialer::Finish() {
  const absl::Time now = DialNow();
  for (auto next = at_work_.begin(); next != at_work_.end();) {
    const auto place = next++;
    KeyHandshake& handshake = *place->second.handshake;
    const bool late = !handshake.result().has_value() && now >= place->second.end;
    if (late) handshake.GiveUp();
    if (!handshake.result().has_value()) continue;
    const Dialling dialling = std::move(place->second);
    at_work_.erase(place);
    dialling.done(*handshake.result(), late);
  }
}

}  // namespace arkshare
