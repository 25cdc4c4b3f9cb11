// Tests that every SharedLog passes. A program of tests runs them over its own engine:
//
//   class MyLogTest : public testing::TestWithParam<LogCase> {};
//   TEST_P(MyLogTest, Holds) { MyWorld world; RunLogCase(GetParam(), world); }
//   INSTANTIATE_TEST_SUITE_P(Conformance, MyLogTest, testing::ValuesIn(LogCases()), LogCaseName);
#ifndef ARKSHARE_SERVICES_INDEX_SHARED_LOG_TESTING_CONFORMANCE_H_
#define ARKSHARE_SERVICES_INDEX_SHARED_LOG_TESTING_CONFORMANCE_H_

#include <absl/types/span.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "services/index/shared_log/shared_log.h"
#include "services/index/shared_log/testing/recording_fold.h"

namespace arkshare {

// How an engine can fail on command.
enum class LogFault {
  kAway,          // no replica gets an answer
  kLostOutcomes,  // it makes writes and loses its answers
  kLostEvents,    // it does not tell what it has made
  kWiped,         // it forgets everything
  kFull,          // it has no room
};

// One engine and its faults. Only the faults that it `Can` are called.
class LogWorld {
 public:
  virtual ~LogWorld() = default;

  // Makes one more replica of the log, not started. Its key `r/` goes a few seconds after its Stop.
  virtual std::unique_ptr<SharedLog> MakeReplica() = 0;
  virtual bool Can(LogFault fault) const = 0;

  virtual void GoAway() {}
  virtual void ComeBack() {}
  // The answers of the next `count` transactions with changes are lost after they were made.
  virtual void LoseOutcomes(int /*count*/) {}
  // The events of the next `count` revisions are not told.
  virtual void LoseEvents(int /*count*/) {}
  virtual void Wipe() {}
  virtual void SetFull(bool /*full*/) {}
};

// A replica that was started and is live. Fails the test when the log breaks the contract.
class TestReplica {
 public:
  explicit TestReplica(LogWorld& world);
  ~TestReplica();
  TestReplica(const TestReplica&) = delete;
  TestReplica& operator=(const TestReplica&) = delete;

  SharedLog& log() { return *log_; }
  RecordingFold& fold() { return fold_; }
  // Returns what was folded of the keys that the owners write: not `r/` and not the log's own.
  std::map<std::string, std::string> Values() const;

 private:
  RecordingFold fold_;
  std::unique_ptr<SharedLog> log_;
};

struct LogCase {
  const char* name;  // in CamelCase
  void (*run)(LogWorld& world);
  std::set<LogFault> needs{};
};

// All cases, in the order of their names in the sources.
std::vector<LogCase> LogCases();
// Those without a fault, and those with faults.
std::vector<LogCase> PlainLogCases();
std::vector<LogCase> FaultLogCases();

// Runs a case; skips it when the world cannot do the faults that it needs.
void RunLogCase(const LogCase& log_case, LogWorld& world);

std::string LogCaseName(const testing::TestParamInfo<LogCase>& info);
std::ostream& operator<<(std::ostream& out, const LogCase& log_case);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SHARED_LOG_TESTING_CONFORMANCE_H_
