// The share that one caller may have of something of which a server has only so much.
#ifndef ARKSHARE_LIB_RPC_CALLER_SHARES_H_
#define ARKSHARE_LIB_RPC_CALLER_SHARES_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "lib/core/mutex.h"

namespace arkshare {

// Returns the network of a caller, from grpc::ServerContext::peer(): an IPv4 address (also when it
// is mapped into IPv6), or the first 64 bits of an IPv6 address ("2001:db8:0:1::/64"), because one
// machine has all addresses of such a network. "loopback" for callers on this machine, "unknown"
// for what is no address. The addresses of RelayedCallerHost are networks of their own.
std::string NetworkOfCaller(absl::string_view peer);

// Returns the address of loopback from which this machine's end of a relayed connection dials the
// server here, so that callers from different networks have different shares. `caller` is
// AnnounceResponse.Call.caller, of which 22 bits are used: 127.128.0.0/10.
std::string RelayedCallerHost(uint32_t caller);

// Returns the address of a caller, from grpc::ServerContext::peer(): "1.2.3.4:5" or
// "[2001:db8::1]:5"; "the relay" for one of RelayedCallerHost. Returns the text itself when it is
// no such address.
std::string AddressOfCaller(absl::string_view peer);

// Counts what each network has taken, and refuses more than its share. Remembers only networks that
// have something now, so its memory is bounded by `in_all`. Thread-safe.
class CallerShares {
 public:
  struct Options {
    absl::string_view what;      // plural, for people: "watches"
    size_t most_of_network = 1;  // of one network
    size_t most_in_all = 1;
    // A refusal advises to come again after this long, when it is set.
    std::optional<absl::Duration> retry_after;
  };
  explicit CallerShares(Options options);
  CallerShares(const CallerShares&) = delete;
  CallerShares& operator=(const CallerShares&) = delete;

  // Holds an amount that a caller has taken, and gives it back at its end. The CallerShares must
  // outlive it.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept;
    Share& operator=(Share&& other) noexcept;
    ~Share() { GiveBack(); }
    void GiveBack();

   private:
    friend class CallerShares;
    Share(CallerShares* shares, std::string network, size_t amount)
        : shares_(shares), network_(std::move(network)), amount_(amount) {}

    CallerShares* shares_ = nullptr;
    std::string network_;
    size_t amount_ = 0;
  };
  // Takes `amount` for the network, all or nothing. LIMIT_EXCEEDED.
  absl::StatusOr<Share> Take(std::string network, size_t amount = 1);

  // Returns what all have taken.
  size_t taken() const;
  // Returns how many networks have taken something.
  size_t network_count() const;

 private:
  void GiveBack(const std::string& network, size_t amount);

  const Options options_;
  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, size_t> taken_by_ ABSL_GUARDED_BY(mutex_);
  size_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_CALLER_SHARES_H_
