#include "services/index/etcd/watch_chain.h"

#include <absl/strings/match.h>
#include <absl/strings/string_view.h>

#include <iterator>
#include <utility>

#include "services/index/etcd/log_keys.h"

namespace arkshare {

void WatchChain::Begin(int64_t next, int64_t head_version, std::string birth, int64_t head_revision,
                       std::string head_value) {
  head_revision_ = head_revision;
  head_value_ = std::move(head_value);
  birth_ = std::move(birth);
  next_ = next;
  head_version_ = head_version;
  fragments_.clear();
}

void WatchChain::Reopened() { fragments_.clear(); }

WatchChain::Told WatchChain::Add(etcdserverpb::WatchResponse response) {
  auto* events = response.mutable_events();
  std::move(events->begin(), events->end(), std::back_inserter(fragments_));
  Told told;
  if (response.fragment()) return told;
  const std::vector<mvccpb::Event> whole = std::exchange(fragments_, {});
  size_t i = 0;
  while (i < whole.size()) {
    Step step;
    step.revision = whole[i].kv().mod_revision();
    End end = End::kWhole;
    for (; i < whole.size() && whole[i].kv().mod_revision() == step.revision; ++i) {
      // A revision that was told already is not told again.
      if (step.revision < next_) continue;
      mvccpb::Event event = whole[i];
      if (const End next = AddEvent(event, step); next != End::kWhole) end = next;
    }
    if (end != End::kWhole) {
      told.end = end;
      return told;
    }
    if (step.revision < next_) continue;
    next_ = step.revision + 1;
    told.steps.push_back(std::move(step));
  }
  return told;
}

WatchChain::End WatchChain::AddEvent(mvccpb::Event& event, Step& step) {
  absl::string_view key = event.kv().key();
  if (!absl::StartsWith(key, prefix_)) return End::kWhole;
  key.remove_prefix(prefix_.size());
  const bool put = event.type() == mvccpb::Event::PUT;
  if (key == kHeadKey) {
    if (!put || event.kv().version() != head_version_ + 1) return End::kGap;
    head_version_ = event.kv().version();
    head_revision_ = event.kv().mod_revision();
    head_value_ = event.kv().value();
    return End::kWhole;
  }
  if (key == kBirthKey && (!put || event.kv().value() != birth_)) return End::kOtherBirth;
  if (IsOwnKeyOfLog(key)) return End::kWhole;
  LogEvent told{std::string(key), std::nullopt};
  if (put) told.value = std::move(*event.mutable_kv()->mutable_value());
  step.events.push_back(std::move(told));
  return End::kWhole;
}

}  // namespace arkshare
