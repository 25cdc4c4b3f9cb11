// A catalog in this process: the memory of a holding, and the time of searches.
//
//   arkshare-bench-index-memory NAMES HOLDERS PEERS   prints KEY=VALUE lines
#include <absl/strings/numbers.h>
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "bench/book_generator.h"
#include "lib/core/book_name.h"
#include "lib/rpc/process.h"
#include "services/index/catalog/catalog.h"
#include "services/index/search/query.h"
#include "services/index/store/huge_pages.h"

namespace arkshare::bench {
namespace {

constexpr int kQueries = 2'000;
constexpr size_t kPage = 50;

double ResidentBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;) {
    double kib = 0;
    if (key == "VmRSS:" && status >> kib) return kib * 1024;
  }
  return 0;
}

// Returns the bytes that malloc has given out.
double AllocatedBytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

// Returns the CPU time of this thread, which other programs on the machine hardly change.
double CpuMicroseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

// Prints how long searches take, in microseconds.
void Measure(const char* kind, const Catalog& catalog,
             const std::function<std::optional<BookQuery>()>& next_query) {
  std::vector<double> times;
  size_t results = 0;
  SearchWriter writer;
  while (times.size() < kQueries) {
    const std::optional<BookQuery> query = next_query();
    if (!query.has_value()) continue;
    const double begin = CpuMicroseconds();
    catalog.Search(*query, /*loopback=*/false, kPage, std::nullopt, std::nullopt, writer);
    times.push_back(CpuMicroseconds() - begin);
    results += writer.result_count();
    writer.Clear();
  }
  std::sort(times.begin(), times.end());
  std::printf("%s_p50_us=%.1f\n%s_p99_us=%.1f\n%s_max_us=%.1f\n%s_results=%.1f\n", kind,
              times[kQueries / 2], kind, times[kQueries * 99 / 100], kind, times.back(), kind,
              static_cast<double>(results) / kQueries);
}

void MeasureSearches(const BookGenerator& books, const Catalog& catalog) {
  std::mt19937 random(1);
  const auto name = [&]() -> const std::string& {
    return books.names()[random() % books.names().size()];
  };
  const auto by_words = [](std::vector<std::string> words) {
    return BookQuery(Keywords{std::move(words)});
  };
  // Two words of a random name; common ones come more often.
  const auto two = [&] {
    std::vector<std::string> words = FoldedWords(name());
    std::shuffle(words.begin(), words.end(), random);
    words.resize(std::min<size_t>(words.size(), 2));
    return words;
  };
  Measure("exact", catalog, [&] { return BookQuery(BookName::Parse(name()).value()); });
  Measure("one_word", catalog, [&] { return by_words({two()[0]}); });
  Measure("two_words", catalog, [&]() -> std::optional<BookQuery> {
    std::vector<std::string> words = two();
    if (words.size() < 2 || words[0] == words[1]) return std::nullopt;
    return by_words(std::move(words));
  });
  Measure("word_and_prefix", catalog, [&]() -> std::optional<BookQuery> {
    std::vector<std::string> words = two();
    if (words.size() < 2 || words[1].size() < 4) return std::nullopt;
    words[1].resize(3);
    if (words[0] == words[1]) return std::nullopt;
    return by_words(std::move(words));
  });
  Measure("prefix", catalog, [&] { return by_words({two()[0].substr(0, 3)}); });
  Measure("common_word", catalog, [&] {
    const std::vector<std::string> common = {"mp3", "epub", "jpg", "img", "pictures", "mkv"};
    return by_words({common[random() % common.size()]});
  });
}

// Prints how many books of peers that leave are forgotten a second.
void MeasureForgetting(Catalog& catalog, const std::vector<Catalog::ShelfPtr>& shelves,
                       double holdings) {
  const double begin = CpuMicroseconds();
  for (const Catalog::ShelfPtr& shelf : shelves) catalog.Close(shelf);
  while (catalog.Reclaim()) {
  }
  std::printf("forgotten_per_second=%.0f\n", holdings / (CpuMicroseconds() - begin) * 1e6);
}

int Run(const BookGenerator::Options& options) {
  const BookGenerator books(options);
  const double resident = ResidentBytes();
  const double allocated = AllocatedBytes();
  Catalog catalog({});
  const double begin = CpuMicroseconds();
  const std::vector<Catalog::ShelfPtr> shelves = books.Fill(catalog);
  const double seconds = (CpuMicroseconds() - begin) / 1e6;
  const auto holdings = static_cast<double>(books.holdings());
  size_t name_bytes = 0;
  for (const std::string& name : books.names()) name_bytes += name.size();
  std::printf("holdings=%.0f\nname_bytes=%.1f\n", holdings,
              static_cast<double>(name_bytes) / static_cast<double>(books.names().size()));
  std::printf("resident_bytes_per_holding=%.1f\n", (ResidentBytes() - resident) / holdings);
  std::printf("allocated_bytes_per_holding=%.1f\n", (AllocatedBytes() - allocated) / holdings);
  std::printf("holdings_per_second=%.0f\n", holdings / seconds);
  std::fflush(stdout);
  MeasureSearches(books, catalog);
  MeasureForgetting(catalog, shelves, holdings);
  return 0;
}

}  // namespace
}  // namespace arkshare::bench

int main(int argc, char** argv) {
  arkshare::UseHugePages(argv);
  arkshare::TuneProcess();
  arkshare::bench::BookGenerator::Options options;
  if (argc != 4 || !absl::SimpleAtoi(argv[1], &options.names) ||
      !absl::SimpleAtoi(argv[2], &options.holders) || !absl::SimpleAtoi(argv[3], &options.peers)) {
    std::fprintf(stderr, "usage: arkshare-bench-index-memory NAMES HOLDERS PEERS\n");
    return 2;
  }
  return arkshare::bench::Run(options);
}
