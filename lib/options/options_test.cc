#include "lib/options/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace arkshare {
namespace {

struct Values {
  std::string listen = "127.0.0.1:0";
  bool table = false;
  absl::Duration lease = absl::Seconds(10);
  uint64_t limit = 0;
  int slots = 8;
  TlsOptions tls;
};

struct Outcome {
  std::optional<int> exit_code;
  Values values;
};

class OptionsTest : public testing::Test {
 protected:
  void TearDown() override {
    for (const char* name : {"LISTEN", "TABLE", "LEASE", "LIMIT", "SLOTS", "CONFIG", "TLS_CERT"}) {
      unsetenv((std::string("ARKSHARE_") + name).c_str());
    }
  }

  Outcome Parse(std::vector<const char*> arguments) {
    Outcome outcome;
    Values& values = outcome.values;
    const std::unique_ptr<CLI::App> app = MakeApp("arkshare-test", "For the test.");
    app->add_option("--listen", values.listen, "Where");
    app->add_flag("--table", values.table, "Table");
    app->add_option("--slots", values.slots, "Slots")->check(WholeNumber(1));
    AddDuration(*app, "--lease", values.lease, "Lease");
    AddByteSize(*app, "--limit", values.limit, "Limit");
    AddTlsOptions(*app, values.tls);
    arguments.insert(arguments.begin(), "arkshare-test");
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    outcome.exit_code = ParseOptions(*app, static_cast<int>(arguments.size()), arguments.data());
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    return outcome;
  }

  std::string WriteConfig(const std::string& text) {
    const std::string path = testing::TempDir() + "/options_test.toml";
    std::ofstream(path) << text;
    return path;
  }

  std::string out_;
  std::string err_;
};

TEST_F(OptionsTest, DefaultsAreUsedWithoutOptions) {
  const Outcome outcome = Parse({});
  EXPECT_EQ(outcome.exit_code, std::nullopt);
  EXPECT_EQ(outcome.values.listen, "127.0.0.1:0");
  EXPECT_EQ(outcome.values.lease, absl::Seconds(10));
  EXPECT_EQ(outcome.values.slots, 8);
}

TEST_F(OptionsTest, CommandLineBeatsEnvironmentBeatsConfig) {
  const std::string config = WriteConfig(
      "listen = \"file:1\"\nslots = 1\nlease = \"1s\"\ntable = true\nlimit = \"1MiB\"\n");
  setenv("ARKSHARE_LISTEN", "environment:1", 1);
  setenv("ARKSHARE_SLOTS", "2", 1);
  const Outcome outcome = Parse({"--config", config.c_str(), "--slots", "3"});
  EXPECT_EQ(outcome.exit_code, std::nullopt) << err_;
  EXPECT_EQ(outcome.values.slots, 3);
  EXPECT_EQ(outcome.values.listen, "environment:1");
  EXPECT_EQ(outcome.values.lease, absl::Seconds(1));
  EXPECT_EQ(outcome.values.limit, 1024u * 1024u);
  EXPECT_TRUE(outcome.values.table);
}

TEST_F(OptionsTest, EnvironmentSetsFlagsDashedNamesAndTheConfigFile) {
  const std::string config = WriteConfig("slots = 5\n");
  setenv("ARKSHARE_CONFIG", config.c_str(), 1);
  setenv("ARKSHARE_TABLE", "true", 1);
  setenv("ARKSHARE_TLS_CERT", "cert.pem", 1);
  const Outcome outcome = Parse({});
  EXPECT_EQ(outcome.exit_code, std::nullopt) << err_;
  EXPECT_EQ(outcome.values.slots, 5);
  EXPECT_TRUE(outcome.values.table);
  EXPECT_EQ(outcome.values.tls.cert_file, "cert.pem");
}

TEST_F(OptionsTest, MistakesExitWithTwoAndSayWhatIsWrong) {
  EXPECT_EQ(Parse({"--no-such"}).exit_code, kExitUsage);
  EXPECT_EQ(
      err_,
      "arkshare-test: there is no command or option \"--no-such\" here; see --help, and write "
      "-- before names that begin with a dash\n");
  EXPECT_EQ(Parse({"serach", "foo"}).exit_code, kExitUsage);
  EXPECT_EQ(err_, "arkshare-test: there is no command or option \"serach\" here; see --help\n");
  EXPECT_EQ(Parse({"--lease", "soon"}).exit_code, kExitUsage);
  EXPECT_THAT(err_, testing::HasSubstr("soon"));
  EXPECT_EQ(Parse({"--limit", "many"}).exit_code, kExitUsage);
  for (const char* number : {"x", "0", "-1", "1.5", "", "99999999999999999999"}) {
    EXPECT_EQ(Parse({"--slots", number}).exit_code, kExitUsage) << number;
    EXPECT_THAT(err_, testing::HasSubstr("is not a whole number of 1 or more")) << number;
  }
  EXPECT_EQ(Parse({"--log-level", "loud"}).exit_code, kExitUsage);
  EXPECT_EQ(Parse({"--config", "/no/such/file"}).exit_code, kExitUsage);
  setenv("ARKSHARE_LEASE", "never", 1);
  EXPECT_EQ(Parse({}).exit_code, kExitUsage);
  unsetenv("ARKSHARE_LEASE");
  setenv("ARKSHARE_CONFIG", "/no/such/file", 1);
  EXPECT_EQ(Parse({}).exit_code, kExitUsage);
}

TEST_F(OptionsTest, MistakesInTheConfigFileAreErrors) {
  std::string config = WriteConfig("lisen = \"127.0.0.1:1\"\n");
  EXPECT_EQ(Parse({"--config", config.c_str()}).exit_code, kExitUsage);
  EXPECT_EQ(err_, "arkshare-test: the --config file: there is no option \"lisen\"; see --help\n");
  config = WriteConfig("listen = \"127.0.0.1:1\n");
  EXPECT_EQ(Parse({"--config", config.c_str()}).exit_code, kExitUsage);
  EXPECT_THAT(err_, testing::HasSubstr("line 1"));
  config = WriteConfig("lease = \"late\"\n");
  EXPECT_EQ(Parse({"--config", config.c_str()}).exit_code, kExitUsage);
  config = WriteConfig("[other]\nlisten = \"127.0.0.1:1\"\n");
  EXPECT_EQ(Parse({"--config", config.c_str()}).exit_code, kExitUsage);
}

TEST_F(OptionsTest, AFileOfTheEnvironmentMayBeForOtherProgramsToo) {
  const std::string config = WriteConfig("slots = 5\nshare = \"/books\"\nmetrics = \"[::]:1\"\n");
  EXPECT_EQ(Parse({"--config", config.c_str()}).exit_code, kExitUsage)
      << "it was given to this one";
  setenv("ARKSHARE_CONFIG", config.c_str(), 1);
  const Outcome outcome = Parse({});
  EXPECT_EQ(outcome.exit_code, std::nullopt) << err_;
  EXPECT_EQ(outcome.values.slots, 5);
  WriteConfig("slots = 5\nsahre = \"/books\"\n");
  EXPECT_EQ(Parse({}).exit_code, kExitUsage) << "no program knows it";
}

TEST_F(OptionsTest, ADurationCanHaveALeastValue) {
  absl::Duration duration = absl::Seconds(10);
  const std::unique_ptr<CLI::App> app = MakeApp("arkshare-test", "For the test.");
  AddDuration(*app, "--lease", duration, "Lease", /*least=*/absl::Seconds(1));
  const std::vector<const char*> too_short = {"arkshare-test", "--lease", "999ms"};
  testing::internal::CaptureStderr();
  EXPECT_EQ(ParseOptions(*app, 3, too_short.data()), kExitUsage);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("the least is 1s"));
}

TEST_F(OptionsTest, QuotesInCommentsAndHashesInQuotesAreFine) {
  const std::string config = WriteConfig("# \"a comment\nlisten = 'a#b:1' # \" another\n");
  const Outcome outcome = Parse({"--config", config.c_str()});
  EXPECT_EQ(outcome.exit_code, std::nullopt) << err_;
  EXPECT_EQ(outcome.values.listen, "a#b:1");
}

TEST_F(OptionsTest, HelpAndVersionExitWithZero) {
  EXPECT_EQ(Parse({"--help"}).exit_code, kExitDone);
  EXPECT_THAT(out_, testing::HasSubstr("ARKSHARE_LEASE"));
  EXPECT_EQ(Parse({"--version"}).exit_code, kExitDone);
  EXPECT_THAT(out_, testing::StartsWith("arkshare-test 0."));
}

}  // namespace
}  // namespace arkshare
