// The program itself, at a terminal and on pipes, with a fake peer and a fake index.
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clients/cli/testing/cli_fixture.h"
#include "tests/support/process.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr char kCtrlC[] = "\x03";
constexpr char kCtrlD[] = "\x04";
constexpr char kBackspace[] = "\x7f";
constexpr char kLeft[] = "\033[D";
constexpr char kUp[] = "\033[A";
constexpr char kEnter[] = "\r";

class ProgramTest : public CliTest {
 protected:
  std::vector<std::string> Command(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {ARKSHARE_CLI_PROGRAM, "--peer", peer_target_});
    return arguments;
  }

  std::unique_ptr<Process> AtTerminal(std::vector<std::string> argv,
                                      const std::string& term = "xterm") {
    // The C locale: names are UTF-8 all the same.
    return *Process::Start({.argv = std::move(argv),
                            .env = {{"TERM", term}, {"LC_ALL", "C"}},
                            .log_file = "",
                            .input = std::nullopt,
                            .terminal = true});
  }

  static std::string WaitFor(Process& process, const std::string& text) {
    const absl::StatusOr<std::string> seen = process.WaitForText(text);
    EXPECT_TRUE(seen.ok()) << seen.status();
    return seen.value_or("");
  }

  static void Type(Process& process, const std::string& text) {
    EXPECT_TRUE(process.WriteInput(text).ok());
  }

  static int ExitCode(Process& process) {
    const absl::StatusOr<ExitStatus> status = process.WaitExit();
    EXPECT_TRUE(status.ok()) << status.status();
    EXPECT_TRUE(process.WaitOutputEnd().ok());
    return status.ok() && status->signal == 0 ? status->code : -1;
  }

  Finished Run(std::vector<std::string> arguments, const std::string& input = "",
               std::map<std::string, std::string> env = {}) {
    absl::StatusOr<Finished> finished = RunToEnd({.argv = Command(std::move(arguments)),
                                                  .env = std::move(env),
                                                  .log_file = folder_ + "/log",
                                                  .input = input});
    EXPECT_TRUE(finished.ok()) << finished.status();
    return finished.value_or(Finished());
  }
};

TEST_F(ProgramTest, LinesCanBeEditedAtATerminal) {
  index_.AddResult(MakeResult("195", MakeContent(1, 5), {MakeHolder(1, "127.0.0.1:41931")}));
  const std::unique_ptr<Process> cli = AtTerminal(Command({}));
  WaitFor(*cli, "registered successfully with id 5");
  WaitFor(*cli, "(Enter choice):");
  Type(*cli, absl::StrCat("2", kBackspace, "1", kEnter));
  WaitFor(*cli, "enter the book name ");
  Type(*cli, absl::StrCat("15", kLeft, "9x", kBackspace, kEnter));
  WaitFor(*cli, "[(1, '127.0.0.1', 41931)]");
  WaitFor(*cli, "book found in peer 1 want to download (y for yes) ");
  Type(*cli, absl::StrCat("y", kEnter));
  WaitFor(*cli, "receiving data...");
  WaitFor(*cli, "received the data");
  WaitFor(*cli, "['195']");
  WaitFor(*cli, "(Enter choice):");
  Type(*cli, absl::StrCat("3", kEnter));
  WaitFor(*cli, "--- Connection with Server closed ---");
  EXPECT_EQ(ExitCode(*cli), kExitDone);
  ASSERT_EQ(index_.searches().size(), 1u);
  EXPECT_EQ(index_.searches()[0].name(), "195");
  EXPECT_EQ(peer_.shutdowns(), 1);
}

TEST_F(ProgramTest, EarlierLinesComeBackAndNamesAreOfAnyScript) {
  const std::unique_ptr<Process> cli = AtTerminal(Command({}));
  WaitFor(*cli, "(Enter choice):");
  Type(*cli, absl::StrCat("1", kEnter));
  WaitFor(*cli, "enter the book name ");
  Type(*cli, absl::StrCat("Bu\u0308cher 日本語", kBackspace, kEnter));
  WaitFor(*cli, "book Bücher 日本 not found");
  WaitFor(*cli, "(Enter choice):");
  Type(*cli, absl::StrCat(kUp, kUp, kEnter));
  WaitFor(*cli, "enter the book name ");
  Type(*cli, absl::StrCat(kUp, kUp, "!", kEnter));
  WaitFor(*cli, "book Bücher 日本! not found");
  WaitFor(*cli, "(Enter choice):");
  Type(*cli, kCtrlD);
  EXPECT_EQ(ExitCode(*cli), kExitDone);
}

TEST_F(ProgramTest, CtrlDLeavesAndThePeerSharesOn) {
  const std::unique_ptr<Process> cli = AtTerminal(Command({"menu"}));
  WaitFor(*cli, "(Enter choice):");
  Type(*cli, kCtrlD);
  WaitFor(*cli, "leaving the menu; peer 5 shares on");
  EXPECT_EQ(ExitCode(*cli), kExitDone);
  EXPECT_EQ(peer_.shutdowns(), 0);
}

TEST_F(ProgramTest, CtrlCLeavesTheTerminalAsItWas) {
  const std::string command = absl::StrCat("trap : INT; ", ARKSHARE_CLI_PROGRAM, " --peer ",
                                           peer_target_, "; echo code $?; stty -a");
  const std::unique_ptr<Process> shell = AtTerminal({"/bin/sh", "-c", command});
  WaitFor(*shell, "(Enter choice):");
  Type(*shell, absl::StrCat("1", kEnter));
  WaitFor(*shell, "enter the book name ");
  Type(*shell, absl::StrCat("half a na", kCtrlC));
  WaitFor(*shell, "leaving the menu; peer 5 shares on");
  WaitFor(*shell, "code 130");
  EXPECT_EQ(ExitCode(*shell), 0);
  EXPECT_THAT(shell->Output(), HasSubstr(" icanon "));
  EXPECT_THAT(shell->Output(), HasSubstr(" echo "));
  EXPECT_THAT(shell->Output(), Not(HasSubstr("-icanon")));
  EXPECT_EQ(index_.calls(), 0);
}

TEST_F(ProgramTest, AContinuedMenuShowsItsPromptAgain) {
  const std::unique_ptr<Process> cli = AtTerminal(Command({}));
  WaitFor(*cli, "(Enter choice):");
  Type(*cli, "2");
  WaitFor(*cli, "2");
  EXPECT_TRUE(cli->Signal(SIGSTOP).ok());
  EXPECT_TRUE(cli->Signal(SIGCONT).ok());
  WaitFor(*cli, "(Enter choice):2");
  Type(*cli, kEnter);
  WaitFor(*cli, "[]");
  WaitFor(*cli, "(Enter choice):");
  Type(*cli, kCtrlD);
  EXPECT_EQ(ExitCode(*cli), kExitDone);
}

TEST_F(ProgramTest, ADumbTerminalIsReadAsItIs) {
  const std::unique_ptr<Process> cli = AtTerminal(Command({}), "dumb");
  WaitFor(*cli, "(Enter choice):");
  Type(*cli, "2\n");
  WaitFor(*cli, "[]");
  WaitFor(*cli, "(Enter choice):");
  Type(*cli, kCtrlC);
  WaitFor(*cli, "leaving the menu");
  EXPECT_EQ(ExitCode(*cli), 130);
  EXPECT_THAT(cli->Output(), Not(HasSubstr("\033")));
}

// A transfer that sends the same state again and again until the test lets it finish. Shared by all
// calls, because the server may still use it when a test ends.
class SlowTransfer : public std::enable_shared_from_this<SlowTransfer> {
 public:
  FakeFetches::FetchScript Script() {
    return
        [self = shared_from_this()](const v1::FetchRequest& request, grpc::ServerContext* context,
                                    grpc::ServerWriter<v1::FetchResponse>* writer) {
          return self->Fetch(request, context, writer);
        };
  }

  void Finish() {
    MutexLock lock(&mutex_);
    finish_ = true;
    changed_.NotifyAll();
  }

 private:
  grpc::Status Fetch(const v1::FetchRequest& request, grpc::ServerContext* context,
                     grpc::ServerWriter<v1::FetchResponse>* writer) {
    v1::FetchResponse response;
    v1::Transfer& transfer = *response.mutable_transfer();
    transfer.set_name(request.name());
    *transfer.mutable_content() = request.content();
    transfer.set_moving(true);
    transfer.set_state(v1::TRANSFER_STATE_FETCHING);
    transfer.set_bytes_done(transfer.content().size_bytes() / 2);
    transfer.set_bytes_per_second(1024);
    while (WaitABit()) {
      if (!writer->Write(response) || context->IsCancelled()) return grpc::Status::CANCELLED;
    }
    transfer.set_state(v1::TRANSFER_STATE_DONE);
    writer->Write(response);
    return grpc::Status::OK;
  }

  // False when it is time to finish.
  bool WaitABit() {
    MutexLock lock(&mutex_);
    if (!finish_) changed_.WaitFor(&mutex_, absl::Milliseconds(20));
    return !finish_;
  }

  Mutex mutex_;
  CondVar changed_;
  bool finish_ ABSL_GUARDED_BY(mutex_) = false;
};

TEST_F(ProgramTest, ALongDownloadHasABarBehindTheWords) {
  const auto transfer = std::make_shared<SlowTransfer>();
  peer_.fetches().SetFetchScript(transfer->Script());
  index_.AddResult(MakeResult("195", MakeContent(1, 4096), {MakeHolder(1, "127.0.0.1:41931")}));
  const std::unique_ptr<Process> cli = AtTerminal(Command({}));
  WaitFor(*cli, "(Enter choice):");
  Type(*cli, absl::StrCat("1", kEnter));
  WaitFor(*cli, "enter the book name ");
  Type(*cli, absl::StrCat("195", kEnter));
  WaitFor(*cli, "(y for yes) ");
  Type(*cli, absl::StrCat("y", kEnter));
  WaitFor(*cli, "\rreceiving data...  [");
  WaitFor(*cli, "50%  2.0 KiB of 4.0 KiB  1.0 KiB/s  0:02 left");
  transfer->Finish();
  WaitFor(*cli, "\nreceived the data");
  WaitFor(*cli, "(Enter choice):");
  Type(*cli, kCtrlD);
  EXPECT_EQ(ExitCode(*cli), kExitDone);
}

TEST_F(ProgramTest, CtrlCDuringADownloadLeavesItToThePeer) {
  const auto transfer = std::make_shared<SlowTransfer>();
  peer_.fetches().SetFetchScript(transfer->Script());
  index_.AddResult(MakeResult("195", MakeContent(1, 4096), {MakeHolder(1, "127.0.0.1:41931")}));
  const std::unique_ptr<Process> cli = AtTerminal(Command({}));
  WaitFor(*cli, "(Enter choice):");
  Type(*cli, absl::StrCat("1", kEnter));
  WaitFor(*cli, "enter the book name ");
  Type(*cli, absl::StrCat("195", kEnter));
  WaitFor(*cli, "(y for yes) ");
  Type(*cli, absl::StrCat("y", kEnter));
  WaitFor(*cli, "receiving data...");
  Type(*cli, kCtrlC);
  WaitFor(*cli, "peer 5 goes on with the download and shares on");
  EXPECT_EQ(ExitCode(*cli), 130);
  EXPECT_EQ(peer_.shutdowns(), 0);
}

TEST_F(ProgramTest, FromAPipeTheMenuIsATranscript) {
  peer_.library().AddBook("164", MakeContent(2, 5));
  index_.AddResult(MakeResult("195", MakeContent(1, 5), {MakeHolder(1, "127.0.0.1:41931")}));
  const Finished finished = Run({}, "1\n164\n1\n195\ny\n3\n");
  const std::string operations =
      "\nOperations:\n1. Query Book\n2. print library\n3. QUIT\n(Enter choice):\n";
  EXPECT_EQ(finished.output,
            absl::StrCat("registered successfully with id 5\n['164']\n", operations,
                         "enter the book name \nfile already in your folder\n", operations,
                         "enter the book name \n"
                         "[(1, '127.0.0.1', 41931)]\n"
                         "book found in peer 1 want to download (y for yes) \n"
                         "receiving data...\n"
                         "received the data\n"
                         "['164', '195']\n",
                         operations, "--- Connection with Server closed ---\n"));
  EXPECT_EQ(finished.log, "");
  EXPECT_EQ(finished.exit.code, kExitDone);
  EXPECT_EQ(index_.calls(), 1);
}

TEST_F(ProgramTest, MistakesOnTheCommandLineExitWithTwo) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"nonsense"},
                                             {"ls", "extra"},
                                             {"get"},
                                             {"get", "1", "--from", "x"},
                                             {"search"},
                                             {"search", "a", "--limit", "0"},
                                             {"browse"},
                                             {"limbo", "restore"},
                                             {"transfers", "keep"},
                                             {"transfers", "keep", "123"},
                                             {"transfers", "cancel"},
                                             {"transfers", "forget"},
                                             {"limits", "--upload", "fast"},
                                             {"ping", "1", "--count", "-1"},
                                             {"--json"},
                                             {"--index", "nowhere", "peers"},
                                             {"get", "\xff"}}) {
    const Finished finished = Run(arguments);
    EXPECT_EQ(finished.exit.code, kExitUsage) << arguments[0];
    EXPECT_NE(finished.log, "") << arguments[0];
    EXPECT_EQ(finished.output, "") << arguments[0];
  }
}

TEST_F(ProgramTest, JsonMayComeBeforeOrAfterTheCommand) {
  const Finished before = Run({"--json", "status"});
  const Finished behind = Run({"status", "--json"});
  EXPECT_EQ(before.exit.code, kExitDone);
  EXPECT_THAT(before.output, testing::StartsWith("{\"peer_id\":5,"));
  EXPECT_EQ(before.output, behind.output);
}

TEST_F(ProgramTest, NamesAreTakenAsTheyAre) {
  EXPECT_EQ(Run({"get", "[a,b]", "status", "--", "-5"}).exit.code, kExitDone);
  std::vector<std::string> names;
  for (const v1::FetchRequest& request : peer_.fetches().all()) names.push_back(request.name());
  EXPECT_THAT(names, ElementsAre("[a,b]", "status", "-5"));
  EXPECT_EQ(Run({"search", "--name", "[x]"}).exit.code, kExitNotFound);
  EXPECT_EQ(index_.searches().back().name(), "[x]");
}

TEST_F(ProgramTest, TheEnvironmentNamesPeerAndIndex) {
  const absl::StatusOr<Finished> finished =
      RunToEnd({.argv = {ARKSHARE_CLI_PROGRAM, "ls"},
                .env = {{"ARKSHARE_PEER", peer_target_}, {"ARKSHARE_JSON", "true"}},
                .log_file = folder_ + "/log"});
  ASSERT_TRUE(finished.ok()) << finished.status();
  EXPECT_EQ(finished->exit.code, kExitDone) << finished->log;
  const Finished index = Run({"peers"}, "", {{"ARKSHARE_INDEX", "127.0.0.1:1"}});
  EXPECT_EQ(index.exit.code, kExitUnreachable);
  EXPECT_THAT(index.log, HasSubstr("127.0.0.1:1"));
}

TEST_F(ProgramTest, TheDefaultSocketIsTheUsersOwn) {
  const absl::StatusOr<Finished> finished = RunToEnd({.argv = {ARKSHARE_CLI_PROGRAM, "ls"},
                                                      .env = {{"XDG_RUNTIME_DIR", folder_}},
                                                      .log_file = folder_ + "/log"});
  ASSERT_TRUE(finished.ok()) << finished.status();
  EXPECT_EQ(finished->exit.code, kExitUnreachable);
  EXPECT_THAT(finished->log, HasSubstr(absl::StrCat("no arkshare-peer answers at unix:", folder_,
                                                    "/arkshare/control.sock; start one with")));
}

TEST_F(ProgramTest, OutputThatCannotBeWrittenIsAFailure) {
  peer_.library().AddBook("164", MakeContent(2, 5));
  const absl::StatusOr<Finished> finished = RunToEnd(
      {.argv = {"/bin/sh", "-c",
                absl::StrCat(ARKSHARE_CLI_PROGRAM, " --peer ", peer_target_, " ls > /dev/full")},
       .env = {},
       .log_file = folder_ + "/log"});
  ASSERT_TRUE(finished.ok()) << finished.status();
  EXPECT_EQ(finished->exit.code, kExitFailed);
  EXPECT_THAT(finished->log, HasSubstr("the output could not be written"));
}

}  // namespace
}  // namespace arkshare
