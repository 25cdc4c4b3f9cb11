#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "clients/cli/commands.h"
#include "clients/cli/testing/cli_fixture.h"

namespace arkshare {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr char kUrl[] = "http://127.0.0.1:8470/#/open=CODE";

class WebCommandTest : public CliTest {
 protected:
  // Makes a browser that runs these lines of a shell; $1 is the file that it is to open.
  std::string Browser(const std::string& lines) {
    const std::string path = folder_ + "/browser";
    std::ofstream(path) << "#!/bin/sh\n" << lines << "\n";
    EXPECT_EQ(chmod(path.c_str(), 0700), 0);
    return path;
  }
  // The files that lead a browser to the page.
  int Redirects() const {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      if (entry.path().extension() == ".html") ++count;
    }
    return count;
  }
};

TEST_F(WebCommandTest, PrintsTheAddress) {
  EXPECT_EQ(RunWeb(*session_, {.print = true, .browser = "/nowhere"}), kExitDone) << err();
  EXPECT_EQ(out(), std::string(kUrl) + "\n");
  EXPECT_THAT(err(), AllOf(HasSubstr("once"), HasSubstr("ssh -L 8470:127.0.0.1:8470")));
  EXPECT_EQ(Redirects(), 0);
}

TEST_F(WebCommandTest, WithoutAScreenItOnlyPrints) {
  EXPECT_EQ(RunWeb(*session_, {}), kExitDone);
  EXPECT_EQ(out(), std::string(kUrl) + "\n");
}

TEST_F(WebCommandTest, AsJson) {
  session_->console.json = true;
  EXPECT_EQ(RunWeb(*session_, {.browser = "/nowhere"}), kExitDone);
  EXPECT_EQ(out(), std::string("{\"url\":\"") + kUrl + "\",\"address\":\"127.0.0.1:8470\"}\n");
}

TEST_F(WebCommandTest, ABrowserGetsAFileThatOnlyItsOwnerCanRead) {
  // The browser of this test signs in only when the file is right.
  peer_.page().SignInWhenFileAppears(folder_ + "/seen");
  const std::string browser =
      Browser("stat -c %a \"$1\" >'" + folder_ + "/mode'; cp \"$1\" '" + folder_ + "/copy'; mv '" +
              folder_ + "/copy' '" + folder_ + "/seen'");
  EXPECT_EQ(RunWeb(*session_, {.browser = browser}), kExitDone) << err();
  EXPECT_THAT(err(), HasSubstr("your browser is signed in"));
  EXPECT_THAT(err(), Not(HasSubstr("CODE")));
  std::ifstream seen(folder_ + "/seen");
  const std::string html{std::istreambuf_iterator<char>(seen), {}};
  EXPECT_THAT(html, HasSubstr(std::string("url=") + kUrl + "\""));
  std::string mode;
  std::ifstream(folder_ + "/mode") >> mode;
  EXPECT_EQ(mode, "600");
  EXPECT_EQ(Redirects(), 0) << "it is removed";
}

TEST_F(WebCommandTest, AMissingBrowserIsNamed) {
  EXPECT_EQ(RunWeb(*session_, {.browser = "/nowhere/browser"}), kExitDone);
  EXPECT_THAT(err(), HasSubstr("/nowhere/browser is missing"));
  EXPECT_EQ(Redirects(), 0);
}

TEST_F(WebCommandTest, AnInterruptEndsTheWait) {
  interrupts_.Trigger();
  EXPECT_NE(RunWeb(*session_, {.browser = Browser("exit 0")}), kExitDone);
  EXPECT_EQ(Redirects(), 0);
}

TEST_F(WebCommandTest, Closes) {
  EXPECT_EQ(RunWeb(*session_, {.close = true}), kExitDone);
  EXPECT_THAT(out(), HasSubstr("the page is closed; 2 browsers were signed out"));
}

TEST_F(WebCommandTest, AnAddressThatIsNoneIsNotOpened) {
  for (const char* url : {"", "javascript:alert(1)", "http://127.0.0.1:1/\"><script>",
                          "http://127.0.0.1:1/\x1b[2J"}) {
    peer_.page().SetPageUrl(url);
    EXPECT_NE(RunWeb(*session_, {.print = true}), kExitDone) << url;
    EXPECT_EQ(out(), "");
  }
}

}  // namespace
}  // namespace arkshare
