#include "services/index/shared_log/testing/recording_fold.h"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <utility>

namespace arkshare {

class RecordingFold::Call {
 public:
  explicit Call(RecordingFold* fold) : fold_(fold), overlaps_(fold->in_call_.exchange(true)) {
    if (!overlaps_) return;
    MutexLock lock(&fold_->mutex_);
    fold_->mistakes_.push_back("two calls of the log overlap");
  }
  ~Call() {
    if (!overlaps_) fold_->in_call_.store(false);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  RecordingFold* fold_;
  bool overlaps_;
};

void RecordingFold::Load(int64_t revision, std::vector<LogEntry> entries) {
  const Call call(this);
  MutexLock lock(&mutex_);
  WaitWhileHeld();
  if (revision < revision_) {
    mistakes_.push_back(absl::StrCat("a load of ", revision, " after ", revision_));
  }
  int place = 0;
  entries_.clear();
  for (LogEntry& entry : entries) {
    if (LogOrder(entry.key) < place) {
      mistakes_.push_back(absl::StrCat("a load is not in the order of LogOrder at ", entry.key));
    }
    place = LogOrder(entry.key);
    if (entry.revision < 1 || entry.revision > revision) {
      mistakes_.push_back(absl::StrCat(entry.key, " has revision ", entry.revision));
    }
    const std::string key = entry.key;
    if (!entries_.emplace(key, std::move(entry)).second) {
      mistakes_.push_back(absl::StrCat("a load has ", key, " twice"));
    }
  }
  revision_ = revision;
  steps_.clear();
  ++loads_;
  needs_load_ = false;
  changed_.NotifyAll();
}

void RecordingFold::Step(int64_t revision, std::vector<LogEvent> events) {
  const Call call(this);
  MutexLock lock(&mutex_);
  WaitWhileHeld();
  if (needs_load_) mistakes_.push_back(absl::StrCat("step ", revision, " comes before a load"));
  if (revision <= revision_) {
    mistakes_.push_back(absl::StrCat("step ", revision, " after ", revision_));
  }
  revision_ = revision;
  for (const LogEvent& event : events) {
    if (event.value.has_value()) {
      entries_[event.key] = {event.key, *event.value, revision};
    } else {
      entries_.erase(event.key);
    }
  }
  steps_.push_back({revision, std::move(events)});
  changed_.NotifyAll();
}

void RecordingFold::Refounded() {
  const Call call(this);
  MutexLock lock(&mutex_);
  revision_ = 0;
  ++refounded_;
  needs_load_ = true;
  changed_.NotifyAll();
}

std::map<std::string, std::string> RecordingFold::Values() const {
  MutexLock lock(&mutex_);
  std::map<std::string, std::string> values;
  for (const auto& [key, entry] : entries_) values[key] = entry.value;
  return values;
}

std::optional<std::string> RecordingFold::ValueOf(const std::string& key) const {
  MutexLock lock(&mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  return found->second.value;
}

int64_t RecordingFold::RevisionOf(const std::string& key) const {
  MutexLock lock(&mutex_);
  const auto found = entries_.find(key);
  return found == entries_.end() ? 0 : found->second.revision;
}

std::vector<RecordingFold::StepRecord> RecordingFold::Steps() const {
  MutexLock lock(&mutex_);
  return steps_;
}

int64_t RecordingFold::revision() const {
  MutexLock lock(&mutex_);
  return revision_;
}

int RecordingFold::loads() const {
  MutexLock lock(&mutex_);
  return loads_;
}

int RecordingFold::refounded() const {
  MutexLock lock(&mutex_);
  return refounded_;
}

bool RecordingFold::AwaitValue(const std::string& key, const std::optional<std::string>& value) {
  MutexLock lock(&mutex_);
  return AwaitLocked([this, &key, &value]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return !value.has_value() && loads_ > 0;
    return value.has_value() && found->second.value == *value;
  });
}

bool RecordingFold::AwaitKey(const std::string& key) {
  MutexLock lock(&mutex_);
  return AwaitLocked([this, &key]()
                         ABSL_NO_THREAD_SAFETY_ANALYSIS { return entries_.count(key) > 0; });
}

bool RecordingFold::AwaitLoads(int count) {
  MutexLock lock(&mutex_);
  return AwaitLocked([this, count]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return loads_ >= count; });
}

bool RecordingFold::AwaitRefounded(int count) {
  MutexLock lock(&mutex_);
  return AwaitLocked([this, count]()
                         ABSL_NO_THREAD_SAFETY_ANALYSIS { return refounded_ >= count; });
}

void RecordingFold::Hold() {
  MutexLock lock(&mutex_);
  hold_ = true;
}

bool RecordingFold::AwaitHeld() {
  MutexLock lock(&mutex_);
  return AwaitLocked([this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return held_; });
}

void RecordingFold::Resume() {
  MutexLock lock(&mutex_);
  hold_ = false;
  changed_.NotifyAll();
}

std::vector<std::string> RecordingFold::Mistakes() const {
  MutexLock lock(&mutex_);
  return mistakes_;
}

bool RecordingFold::AwaitLocked(const std::function<bool()>& reached) {
  const absl::Time end = absl::Now() + absl::Minutes(1);
  while (!reached()) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return false;
    changed_.WaitFor(&mutex_, left);
  }
  return true;
}

void RecordingFold::WaitWhileHeld() {
  while (hold_) {
    held_ = true;
    changed_.NotifyAll();
    changed_.Wait(&mutex_);
  }
  held_ = false;
}

}  // namespace arkshare
