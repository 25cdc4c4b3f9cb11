#include "tests/support/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace arkshare {
namespace {

using ::testing::HasSubstr;

ProcessOptions Shell(const std::string& script) {
  ProcessOptions options;
  options.argv = {"/bin/sh", "-c", script};
  return options;
}

TEST(ProcessTest, RunCollectsEverything) {
  ProcessOptions options = Shell("cat; echo \"$WORD\"; echo trouble >&2; exit 3");
  options.input = "from stdin\n";
  options.env = {{"WORD", "from the environment"}};
  absl::StatusOr<Finished> finished = RunToEnd(options);
  ASSERT_TRUE(finished.ok()) << finished.status();
  EXPECT_EQ(finished->exit.code, 3);
  EXPECT_EQ(finished->exit.signal, 0);
  EXPECT_EQ(finished->output, "from stdin\nfrom the environment\n");
  EXPECT_EQ(finished->log, "trouble\n");
}

TEST(ProcessTest, RunTakesInputAndOutputLargerThanAPipe) {
  ProcessOptions options = Shell("cat");
  options.input = BookBytes(1 << 20, 1);
  absl::StatusOr<Finished> finished = RunToEnd(options);
  ASSERT_TRUE(finished.ok()) << finished.status();
  EXPECT_TRUE(finished->output == *options.input);
}

TEST(ProcessTest, RunKillsAProgramThatTakesTooLong) {
  EXPECT_EQ(RunToEnd(Shell("exec sleep 1000"), absl::Milliseconds(50)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(ProcessTest, ReadsLinesAndPromptsInTheOrderOfTheOutput) {
  ProcessOptions options =
      Shell("echo a=1; echo noise a=2; echo a=3; printf 'name? '; read name; echo hello $name");
  options.input = std::nullopt;
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(options);
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ(*(*process)->WaitForLine("a="), "a=1");
  EXPECT_EQ(*(*process)->WaitForLine("a="), "a=3");
  EXPECT_EQ(*(*process)->WaitForText("? "), "name? ");
  ASSERT_TRUE((*process)->WriteInput("you\n").ok());
  EXPECT_EQ(*(*process)->WaitForLine("hello"), "hello you");
  EXPECT_EQ(*(*process)->WaitExit(), (ExitStatus{.code = 0, .signal = 0}));
  EXPECT_FALSE((*process)->Running());
}

TEST(ProcessTest, SaysWhatWasThereInPlaceOfTheLine) {
  absl::StatusOr<std::unique_ptr<Process>> ended = Process::Start(Shell("echo something else"));
  absl::Status status = (*ended)->WaitForLine("ready").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("something else"));

  absl::StatusOr<std::unique_ptr<Process>> mute = Process::Start(Shell("exec sleep 1000"));
  EXPECT_EQ((*mute)->WaitForLine("ready", absl::Milliseconds(50)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(ProcessTest, EndOfInputReachesTheProgram) {
  ProcessOptions options = Shell("cat; echo end");
  options.input = std::nullopt;
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(options);
  ASSERT_TRUE((*process)->WriteInput("text\n").ok());
  EXPECT_EQ(*(*process)->WaitForLine("text"), "text");
  (*process)->CloseInput();
  EXPECT_EQ(*(*process)->WaitForLine("end"), "end");
  EXPECT_EQ((*process)->WriteInput("more").code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ProcessTest, SignalsAndKills) {
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(
      Shell("trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.01; done"));
  ASSERT_TRUE((*process)->WaitForLine("ready").ok());
  EXPECT_EQ(*(*process)->Stop(), (ExitStatus{.code = 5, .signal = 0}));
  EXPECT_EQ(*(*process)->WaitForLine("caught"), "caught");
  EXPECT_EQ((*process)->Signal(SIGTERM).code(), absl::StatusCode::kFailedPrecondition);

  process = Process::Start(Shell("exec sleep 1000"));
  (*process)->Kill();
  EXPECT_EQ(*(*process)->WaitExit(), (ExitStatus{.code = 0, .signal = SIGKILL}));
}

TEST(ProcessTest, ADestroyedProcessIsGoneEvenWhenItsChildHoldsStdout) {
  pid_t pid = 0;
  {
    absl::StatusOr<std::unique_ptr<Process>> process =
        Process::Start(Shell("sleep 1000 & echo child=$!; wait"));
    pid = (*process)->pid();
    std::string line = *(*process)->WaitForLine("child=");
    process->reset();
    kill(std::stoi(line.substr(6)), SIGKILL);
  }
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST(ProcessTest, StartsWithDefaultSignals) {
  // This process ignores SIGPIPE; its programs must not inherit that.
  absl::StatusOr<Finished> finished = RunToEnd(Shell("kill -PIPE $$; echo survived"));
  EXPECT_EQ(finished->exit.signal, SIGPIPE);
  EXPECT_EQ(finished->output, "");
}

TEST(ProcessTest, GivesAProgramATerminal) {
  ProcessOptions options = Shell("test -t 0 && test -t 1 && stty size && read x && echo got $x");
  options.input = std::nullopt;
  options.terminal = true;
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(options);
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ(*(*process)->WaitForLine("24"), "24 80");
  ASSERT_TRUE((*process)->WriteInput("it\n").ok());
  EXPECT_EQ(*(*process)->WaitForLine("got"), "got it");
  EXPECT_EQ((*process)->WaitExit()->code, 0);
}

TEST(ProcessTest, CtrlCOnATerminalInterrupts) {
  ProcessOptions options =
      Shell("trap 'echo interrupted; exit 7' INT; echo ready; while :; do sleep 0.01; done");
  options.input = std::nullopt;
  options.terminal = true;
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(options);
  ASSERT_TRUE((*process)->WaitForLine("ready").ok());
  ASSERT_TRUE((*process)->WriteInput("\x03").ok());
  EXPECT_TRUE((*process)->WaitForText("interrupted").ok());
  EXPECT_EQ((*process)->WaitExit()->code, 7);
}

TEST(ProcessTest, AProgramThatIsNotThereIsAnError) {
  ProcessOptions options;
  options.argv = {"/no/such/program"};
  EXPECT_FALSE(Process::Start(options).ok());
  options.argv = {""};
  EXPECT_FALSE(Process::Start(options).ok());
}

}  // namespace
}  // namespace arkshare
