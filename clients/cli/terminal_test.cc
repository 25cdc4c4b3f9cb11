#include "clients/cli/terminal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>
#include <string>
#include <thread>

namespace arkshare {
namespace {

class TerminalTest : public testing::Test {
 protected:
  TerminalTest() {
    EXPECT_EQ(pipe(ends_), 0);
    terminal_ = Terminal::FromPipe(ends_[0], out_, &interrupts_);
  }
  ~TerminalTest() override {
    CloseInput();
    close(ends_[0]);
  }

  void Type(const std::string& text) {
    EXPECT_EQ(write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void CloseInput() {
    if (ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }

  int ends_[2] = {-1, -1};
  std::ostringstream out_;
  Interrupts interrupts_;
  std::unique_ptr<Terminal> terminal_;
};

TEST_F(TerminalTest, ReadsLineByLineAndPrintsPrompts) {
  Type("one\ntwo\r\n\nlast");
  CloseInput();
  for (const char* line : {"one", "two", "", "last"}) {
    const Terminal::Answer answer = terminal_->Ask("? ");
    EXPECT_EQ(answer.kind, Terminal::Kind::kLine);
    EXPECT_EQ(answer.line, line);
  }
  EXPECT_EQ(terminal_->Ask("? ").kind, Terminal::Kind::kEnd);
  EXPECT_EQ(terminal_->Ask("? ").kind, Terminal::Kind::kEnd);
  EXPECT_EQ(out_.str(), "? \n? \n? \n? \n? \n? \n");
}

TEST_F(TerminalTest, ALineCanComeInPieces) {
  Type("on");
  std::thread other([this] { Type("e\n"); });
  EXPECT_EQ(terminal_->Ask("").line, "one");
  other.join();
}

TEST_F(TerminalTest, TheRestOfAnEndlessLineIsForgotten) {
  std::thread other([this] {
    for (int i = 0; i < 3; ++i) Type(std::string(60'000, 'x'));
    Type("y\nnext\n");
  });
  EXPECT_EQ(terminal_->Ask("").line, std::string(64 * 1024, 'x'));
  EXPECT_EQ(terminal_->Ask("").line, "next");
  other.join();
}

TEST_F(TerminalTest, AnInterruptEndsTheWait) {
  std::thread other([this] { interrupts_.Trigger(); });
  EXPECT_EQ(terminal_->Ask("").kind, Terminal::Kind::kInterrupted);
  other.join();
}

TEST_F(TerminalTest, AnEarlierInterruptGoesBeforeTheInput) {
  Type("3\n");
  interrupts_.Trigger();
  EXPECT_EQ(terminal_->Ask("").kind, Terminal::Kind::kInterrupted);
}

}  // namespace
}  // namespace arkshare
