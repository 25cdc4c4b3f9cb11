// move_model: checks the protocol of a move in every order of events.
//
//   move_model [--large]       all scenarios; with --large also those that take minutes
//   move_model --mistakes      every planted mistake must be found, every harmless one not
//   move_model --scenario S [--mistake M]...
//                              one scenario, with these mistakes planted
//   move_model --list          the scenarios and the mistakes
//
// Exit codes: 0 as it must be, 1 not so, 2 usage.
#include <cinttypes>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "tests/model/explorer.h"
#include "tests/model/mistakes.h"
#include "tests/model/scenarios.h"

namespace arkshare::model {
namespace {

// About 3 GB of memory.
constexpr uint64_t kLimit = 50'000'000;

void PrintTrace(const Exploration& result) {
  int number = 0;
  for (const std::string& line : result.trace) std::printf("    %2d. %s\n", ++number, line.c_str());
}

void PrintSize(const Exploration& result) {
  std::printf("%10" PRIu64 " states %11" PRIu64 " transitions %7" PRIu64 " at rest %7.2f s",
              result.states, result.transitions, result.quiescent, result.seconds);
}

bool Check(const Scenario& scenario, const std::vector<Mistake>& mistakes) {
  const Exploration result = Explore({scenario, Mistakes(mistakes)}, kLimit);
  const bool ok = result.violation == Violation::kNone;
  std::printf("%-18s %-9s", scenario.name.c_str(), ok ? "ok" : "VIOLATED");
  PrintSize(result);
  std::printf("  %s\n", scenario.what.c_str());
  if (!ok) std::printf("  %s\n", Describe(result.violation));
  PrintTrace(result);
  std::fflush(stdout);
  return ok;
}

bool CheckAll(bool large) {
  bool ok = true;
  for (const Scenario& scenario : AllScenarios()) {
    if (!scenario.large || large) ok &= Check(scenario, {});
  }
  return ok;
}

bool CheckPlanted() {
  bool all = true;
  for (const Planted& planted : AllPlanted()) {
    std::string names;
    for (Mistake mistake : planted.mistakes) {
      names += (names.empty() ? "" : " + ") + std::string(Name(mistake));
    }
    const Exploration result = Explore(
        {*FindScenario(planted.scenario), Mistakes(planted.mistakes)}, kLimit, planted.expected);
    const bool ok = result.violation == planted.expected;
    const bool harmless = planted.expected == Violation::kNone;
    const char* outcome = !ok ? "WRONG   " : harmless ? "harmless" : "found   ";
    std::printf("%s  %s (%s): %s\n", outcome, names.c_str(), planted.scenario.c_str(),
                planted.what.c_str());
    if (result.violation != Violation::kNone) std::printf("  %s\n", Describe(result.violation));
    if (!ok) std::printf("  expected: %s\n", harmless ? "no harm" : Describe(planted.expected));
    PrintTrace(result);
    std::fflush(stdout);
    all &= ok;
  }
  return all;
}

void List() {
  for (const Scenario& scenario : AllScenarios()) {
    std::printf("scenario  %-20s %s%s\n", scenario.name.c_str(), scenario.what.c_str(),
                scenario.large ? " (large)" : "");
  }
  for (int i = 0; i < static_cast<int>(Mistake::kCount); ++i) {
    std::printf("mistake   %s\n", Name(static_cast<Mistake>(i)));
  }
}

int Usage() {
  std::fprintf(
      stderr,
      "usage: move_model [--large | --mistakes | --list | --scenario NAME [--mistake NAME]...]\n");
  return 2;
}

int Main(const std::vector<std::string_view>& args) {
  const Scenario* scenario = nullptr;
  std::vector<Mistake> mistakes;
  bool large = false;
  for (size_t i = 0; i < args.size(); ++i) {
    const bool more = i + 1 < args.size();
    if (args[i] == "--large") {
      large = true;
    } else if (args[i] == "--mistakes") {
      return CheckPlanted() ? 0 : 1;
    } else if (args[i] == "--list") {
      List();
      return 0;
    } else if (args[i] == "--scenario" && more && (scenario = FindScenario(args[++i]))) {
    } else if (args[i] == "--mistake" && more && FindMistake(args[i + 1])) {
      mistakes.push_back(*FindMistake(args[++i]));
    } else {
      return Usage();
    }
  }
  if (scenario != nullptr) return Check(*scenario, mistakes) ? 0 : 1;
  if (!mistakes.empty()) return Usage();
  return CheckAll(large) ? 0 : 1;
}

}  // namespace
}  // namespace arkshare::model

int main(int argc, char** argv) { return arkshare::model::Main({argv + 1, argv + argc}); }
