// Whose piece of work comes next, when many callers want something of one server.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_FAIR_TURNS_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_FAIR_TURNS_H_

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace arkshare {

// Takes turns between addresses, and at each address between its callers, so that a caller with
// very much work waits for itself. The work of one caller is done in its order. A pure decision: no
// lock, no clock. Not thread-safe.
template <typename Work>
class FairTurns {
 public:
  struct Caller {
    std::string address;
    std::string name;  // of one of several at the address
  };

  void Add(const Caller& caller, Work work) {
    PlaceOf(caller).push_back(std::move(work));
    ++size_;
  }
  // Adds work that was begun and not finished: it is the caller's next.
  void AddFirst(const Caller& caller, Work work) {
    PlaceOf(caller).push_front(std::move(work));
    ++size_;
  }

  // Removes the next work of a caller that may go now and returns it with its caller; nullopt when
  // there is none. The caller and its address then come after all others that wait. A caller goes
  // when address_may_go(address) and caller_may_go(caller); neither must use this object.
  template <typename AddressMayGo, typename CallerMayGo>
  std::optional<std::pair<Caller, Work>> Next(const AddressMayGo& address_may_go,
                                              const CallerMayGo& caller_may_go) {
    for (size_t tries = turns_.size(); tries > 0; --tries) {
      Caller caller{std::move(turns_.front()), ""};
      turns_.pop_front();
      const auto at = addresses_.find(caller.address);
      std::optional<Work> work;
      if (address_may_go(caller.address)) work = TakeFrom(at->second, caller, caller_may_go);
      if (at->second.turns.empty()) {
        addresses_.erase(at);
      } else {
        turns_.push_back(caller.address);
      }
      if (!work.has_value()) continue;
      --size_;
      return std::pair(std::move(caller), *std::move(work));
    }
    return std::nullopt;
  }
  std::optional<std::pair<Caller, Work>> Next() {
    return Next([](const std::string&) { return true; }, [](const Caller&) { return true; });
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Returns how much work the caller has here.
  size_t SizeOf(const Caller& caller) const {
    const auto at = addresses_.find(caller.address);
    if (at == addresses_.end()) return 0;
    const auto works = at->second.works.find(caller.name);
    return works == at->second.works.end() ? 0 : works->second.size();
  }

 private:
  struct Address {
    std::deque<std::string> turns;  // the names of the callers that have work
    absl::flat_hash_map<std::string, std::deque<Work>> works;
  };

  std::deque<Work>& PlaceOf(const Caller& caller) {
    Address& address = addresses_[caller.address];
    if (address.turns.empty()) turns_.push_back(caller.address);
    std::deque<Work>& works = address.works[caller.name];
    if (works.empty()) address.turns.push_back(caller.name);
    return works;
  }

  // Sets the name of `caller` when it finds one that may go.
  template <typename CallerMayGo>
  static std::optional<Work> TakeFrom(Address& address, Caller& caller,
                                      const CallerMayGo& caller_may_go) {
    for (size_t tries = address.turns.size(); tries > 0; --tries) {
      caller.name = std::move(address.turns.front());
      address.turns.pop_front();
      if (!caller_may_go(caller)) {
        address.turns.push_back(caller.name);
        continue;
      }
      const auto works = address.works.find(caller.name);
      Work work = std::move(works->second.front());
      works->second.pop_front();
      if (works->second.empty()) {
        address.works.erase(works);
      } else {
        address.turns.push_back(caller.name);
      }
      return work;
    }
    return std::nullopt;
  }

  std::deque<std::string> turns_;  // the addresses that have work
  absl::flat_hash_map<std::string, Address> addresses_;
  size_t size_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_FAIR_TURNS_H_
