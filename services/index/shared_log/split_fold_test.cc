#include "services/index/shared_log/split_fold.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace arkshare {
namespace {

using ::testing::ElementsAre;

// Writes down what it is called for, in a list that several share.
class NotingFold : public LogFold {
 public:
  NotingFold(std::string name, std::vector<std::string>* notes)
      : name_(std::move(name)), notes_(*notes) {}

  void Load(int64_t revision, std::vector<LogEntry> entries) override {
    std::string note = absl::StrCat(name_, " load ", revision);
    for (const LogEntry& entry : entries) absl::StrAppend(&note, " ", entry.key, "=", entry.value);
    notes_.push_back(note);
  }
  void Step(int64_t revision, std::vector<LogEvent> events) override {
    std::string note = absl::StrCat(name_, " step ", revision);
    for (const LogEvent& event : events) {
      absl::StrAppend(&note, " ", event.key, "=", event.value.value_or("gone"));
    }
    notes_.push_back(note);
  }
  void Refounded() override { notes_.push_back(name_ + " refounded"); }

 private:
  const std::string name_;
  std::vector<std::string>& notes_;
};

TEST(SplitFoldTest, EachFoldGetsItsKeysInTheirOrder) {
  std::vector<std::string> notes;
  NotingFold group("group", &notes);
  NotingFold others("others", &notes);
  SplitFold split("g/", &group, &others);
  split.Load(7, {{"s/1", "a", 3}, {"g/list", "b", 4}, {"c/1", "c", 5}, {"g/i/1", "d", 6}});
  EXPECT_THAT(notes, ElementsAre("group load 7 g/list=b g/i/1=d", "others load 7 s/1=a c/1=c"));
  notes.clear();
  split.Step(8, {{"c/2", "e"}, {"g/i/1", std::nullopt}, {"s/1", std::nullopt}, {"g/list", "f"}});
  EXPECT_THAT(notes,
              ElementsAre("group step 8 g/i/1=gone g/list=f", "others step 8 c/2=e s/1=gone"));
}

TEST(SplitFoldTest, TheOthersHearOfEveryRevision) {
  std::vector<std::string> notes;
  NotingFold group("group", &notes);
  NotingFold others("others", &notes);
  SplitFold split("g/", &group, &others);
  split.Step(8, {});
  split.Step(9, {{"g/list", "f"}});
  split.Refounded();
  EXPECT_THAT(notes, ElementsAre("others step 8", "group step 9 g/list=f", "others step 9",
                                 "group refounded", "others refounded"));
}

}  // namespace
}  // namespace arkshare
