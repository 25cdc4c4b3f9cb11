#include "lib/core/errors.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

namespace arkshare {
namespace {

using namespace std::string_literals;

TEST(ReasonTest, EveryReasonHasANameOfItsOwn) {
  std::set<std::string> names;
  for (Reason reason : AllReasons()) {
    const std::string name(ReasonName(reason));
    EXPECT_FALSE(name.empty());
    EXPECT_TRUE(std::all_of(name.begin(), name.end(), [](char c) {
      return absl::ascii_isupper(c) || c == '_';
    })) << name;
    EXPECT_TRUE(names.insert(name).second) << name << " is in the table twice";
    EXPECT_EQ(ReasonFromName(name), reason);
    EXPECT_NE(ReasonCode(reason), absl::StatusCode::kOk);
    EXPECT_NE(ReasonCode(reason), absl::StatusCode::kUnknown);
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(Reason::kInternal));
}

TEST(ReasonTest, UnknownNamesAreUnspecified) {
  EXPECT_EQ(ReasonName(Reason::kUnspecified), "");
  for (const char* name : {"", "NO_SUCH_REASON", "book_moved", "BOOK_MOVED "}) {
    EXPECT_EQ(ReasonFromName(name), Reason::kUnspecified) << name;
  }
}

TEST(ReasonTest, CodesSayWhatToDoNext) {
  EXPECT_EQ(ReasonCode(Reason::kInvalidName), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonCode(Reason::kSessionUnknown), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(ReasonCode(Reason::kTicketInvalid), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonCode(Reason::kBookGone), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonCode(Reason::kNameTaken), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonCode(Reason::kBookMoved), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonCode(Reason::kSessionSuperseded), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonCode(Reason::kOffsetOutOfRange), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ReasonCode(Reason::kQueueFull), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonCode(Reason::kStreamStalled), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ReasonCode(Reason::kBookUnsettled), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonCode(Reason::kContentMismatch), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReasonCode(Reason::kInternal), absl::StatusCode::kInternal);
}

TEST(ReasonTest, FourRefusalsOfASourceAreFinal) {
  std::set<Reason> final_ones;
  for (const Reason reason : AllReasons()) {
    if (IsFinalRefusal(reason)) final_ones.insert(reason);
  }
  EXPECT_EQ(final_ones, (std::set<Reason>{Reason::kBookMoved, Reason::kNotForTaking,
                                          Reason::kBookChanged, Reason::kBookGone}));
}

TEST(MakeErrorTest, CarriesEverything) {
  const ErrorMetadata metadata = {
      {"moved_to_public_key", "00ff"}, {"", ""}, {"any:bytes", "3:\0\xff:"s}};
  const absl::Status status =
      MakeError(Reason::kBookMoved, "it is gone", metadata, absl::Milliseconds(1500));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "it is gone");
  EXPECT_EQ(GetReason(status), Reason::kBookMoved);
  EXPECT_EQ(GetErrorMetadata(status), metadata);
  EXPECT_EQ(GetRetryAfter(status), absl::Milliseconds(1500));
}

TEST(MakeErrorTest, CarriesNothingThatWasNotGiven) {
  const absl::Status status = MakeError(Reason::kBookGone, "gone");
  EXPECT_EQ(GetReason(status), Reason::kBookGone);
  EXPECT_TRUE(GetErrorMetadata(status).empty());
  EXPECT_EQ(GetRetryAfter(status), std::nullopt);
}

TEST(MakeErrorTest, RetryTimesAreExact) {
  for (absl::Duration d : {absl::ZeroDuration(), absl::Nanoseconds(1),
                           absl::Seconds(90) + absl::Nanoseconds(7), absl::Hours(1000)}) {
    EXPECT_EQ(GetRetryAfter(MakeError(Reason::kQueueFull, "wait", {}, d)), d);
  }
}

TEST(MakeErrorTest, EveryReasonSurvives) {
  for (Reason reason : AllReasons()) {
    const absl::Status status = MakeError(reason, "x");
    EXPECT_EQ(GetReason(status), reason);
    EXPECT_EQ(status.code(), ReasonCode(reason));
  }
  EXPECT_EQ(GetReason(MakeError(Reason::kUnspecified, "x")), Reason::kUnspecified);
  EXPECT_EQ(MakeError(Reason::kUnspecified, "x").code(), absl::StatusCode::kUnknown);
}

TEST(MakeErrorTest, StatusesOfOtherOriginHaveNoDetails) {
  for (const absl::Status& status : {absl::OkStatus(), absl::NotFoundError("x")}) {
    EXPECT_EQ(GetReason(status), Reason::kUnspecified);
    EXPECT_TRUE(GetErrorMetadata(status).empty());
    EXPECT_EQ(GetRetryAfter(status), std::nullopt);
  }
}

// The table of errors in docs/protocol.md: a row for each reason, with its status code.
TEST(ErrorTableTest, HasARowForEachReasonWithItsCode) {
  std::ifstream page(ARKSHARE_ERROR_TABLE);
  ASSERT_TRUE(page.is_open()) << "there is no " << ARKSHARE_ERROR_TABLE;
  std::stringstream text;
  text << page.rdbuf();
  const std::vector<std::string> lines = absl::StrSplit(text.str(), '\n');
  for (Reason reason : AllReasons()) {
    const std::string name = absl::StrCat("`", ReasonName(reason), "`");
    std::string code = absl::StatusCodeToString(ReasonCode(reason));
    EXPECT_TRUE(std::any_of(lines.begin(), lines.end(),
                            [&](const std::string& line) {
                              return line.find('|') != std::string::npos &&
                                     line.find(name) != std::string::npos &&
                                     line.find(code) != std::string::npos;
                            }))
        << "docs/protocol.md has no row with " << name << " and " << code;
  }
}

}  // namespace
}  // namespace arkshare
