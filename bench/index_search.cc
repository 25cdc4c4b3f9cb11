// An index of many books under load, over the wire: a server process, and clients in this one.
//
//   arkshare-bench-index-search NAMES HOLDERS PEERS   prints KEY=VALUE lines
//
// The same server also answers an empty call, which measures gRPC itself, and a call with a ready
// answer, which measures a search that takes no time.
#include <absl/strings/numbers.h>
#include <absl/time/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bench/book_generator.h"
#include "bench/search_announcer.h"
#include "bench/search_load.h"
#include "bench/search_server.h"
#include "lib/rpc/process.h"
#include "services/index/store/huge_pages.h"

namespace arkshare::bench {
namespace {

constexpr int kOutstanding = 64;
constexpr absl::Duration kRun = absl::Seconds(2);
// Runs alternate, because the speed of a shared machine changes every second.
constexpr absl::Duration kTurn = absl::Milliseconds(250);
constexpr int kTurns = 24;
// Searches a second while another client announces.
constexpr double kQuietRate = 1'000;

// A child process of this program, which ends when this program ends.
struct Child {
  pid_t pid = 0;
  std::FILE* output = nullptr;

  std::string ReadLine() const {
    char line[256];
    if (std::fgets(line, sizeof(line), output) == nullptr) return "";
    std::string text(line);
    text.pop_back();
    return text;
  }
};

Child Start(const std::vector<std::string>& args) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  Child child;
  child.pid = fork();
  if (child.pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    std::vector<char*> argv;
    for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
    argv.push_back(nullptr);
    execv("/proc/self/exe", argv.data());
    _exit(127);
  }
  close(ends[1]);
  child.output = fdopen(ends[0], "r");
  return child;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::function<bool(absl::Duration)> After(absl::Duration time) {
  return [time](absl::Duration passed) { return passed >= time; };
}

int Run(const std::vector<std::string>& args, const BookGenerator::Options& options) {
  const Child server = Start({args[0], "serve", args[1], args[2], args[3]});
  const BookGenerator books({.names = options.names, .holders = 1, .peers = 1});
  const std::string address = server.ReadLine();
  if (address.empty()) return 1;
  SearchLoad load(address, books.names());
  load.RunOutstanding(What::kEmpty, kOutstanding, kRun);  // warms up
  load.RunOutstanding(What::kExact, kOutstanding, kRun);

  std::vector<double> empty, exact, ratio, ready_ratio, empty_p99, exact_p99, p99_ratio;
  for (int turn = 0; turn < kTurns; ++turn) {
    empty.push_back(load.RunOutstanding(What::kEmpty, kOutstanding, kTurn).per_second);
    exact.push_back(load.RunOutstanding(What::kExact, kOutstanding, kTurn).per_second);
    const double ready = load.RunOutstanding(What::kReady, kOutstanding, kTurn).per_second;
    ratio.push_back(exact.back() / empty.back());
    ready_ratio.push_back(ready / empty.back());
  }
  for (int turn = 0; turn < kTurns; ++turn) {
    const double half = Median(exact) / 2;
    empty_p99.push_back(load.RunRate(What::kEmpty, half, After(kTurn)).p99_us);
    exact_p99.push_back(load.RunRate(What::kExact, half, After(kTurn)).p99_us);
    p99_ratio.push_back(exact_p99.back() / empty_p99.back());
  }
  std::printf("empty_per_second=%.0f\nsearch_per_second=%.0f\nsearch_to_empty=%.3f\n",
              Median(empty), Median(exact), Median(ratio));
  std::printf("ready_answer_to_empty=%.3f\n", Median(ready_ratio));
  std::printf("empty_p99_us=%.0f\nsearch_p99_us=%.0f\nsearch_p99_to_empty=%.2f\n",
              Median(empty_p99), Median(exact_p99), Median(p99_ratio));
  std::fflush(stdout);

  const Child announcer = Start({args[0], "announce", address});
  if (announcer.ReadLine() != "ready") return 1;
  std::string announced;
  std::atomic<bool> done = false;
  std::thread reader([&] {
    announced = announcer.ReadLine();
    done = true;
  });
  const Figures busy =
      load.RunRate(What::kExact, kQuietRate, [&](absl::Duration) { return done.load(); });
  reader.join();
  const Figures quiet = load.RunRate(What::kExact, kQuietRate, After(kRun));
  std::printf("announced_per_second=%s\nquiet_p99_us=%.0f\nannouncing_p99_us=%.0f\n",
              announced.c_str(), quiet.p99_us, busy.p99_us);
  std::printf("quiet_p50_us=%.0f\nannouncing_p50_us=%.0f\nannouncing_p99_to_quiet=%.2f\n",
              quiet.p50_us, busy.p50_us, busy.p99_us / quiet.p99_us);
  waitpid(announcer.pid, nullptr, 0);
  kill(server.pid, SIGTERM);
  waitpid(server.pid, nullptr, 0);
  return announced.empty() ? 1 : 0;
}

std::optional<BookGenerator::Options> ParseOptions(const std::vector<std::string>& args) {
  BookGenerator::Options options;
  if (args.size() != 3 || !absl::SimpleAtoi(args[0], &options.names) ||
      !absl::SimpleAtoi(args[1], &options.holders) || !absl::SimpleAtoi(args[2], &options.peers)) {
    return std::nullopt;
  }
  return options;
}

}  // namespace
}  // namespace arkshare::bench

int main(int argc, char** argv) {
  arkshare::UseHugePages(argv);
  arkshare::TuneProcess();
  const std::vector<std::string> args(argv, argv + argc);
  if (argc == 3 && args[1] == "announce") return arkshare::bench::AnnounceBooks(args[2]);
  const bool serve = argc > 1 && args[1] == "serve";
  const auto options = arkshare::bench::ParseOptions({args.begin() + (serve ? 2 : 1), args.end()});
  if (!options.has_value()) {
    std::fprintf(stderr, "usage: arkshare-bench-index-search NAMES HOLDERS PEERS\n");
    return 2;
  }
  return serve ? arkshare::bench::ServeSearches(*options) : arkshare::bench::Run(args, *options);
}
