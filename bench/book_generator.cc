#include "bench/book_generator.h"

#include <absl/container/flat_hash_set.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>
#include <utility>

namespace arkshare::bench {
namespace {

constexpr uint32_t kVocabulary = 200'000;
constexpr size_t kPage = 1'000;

// The distributions of std differ between libraries; this one is the same everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>((engine_() >> 32) * n >> 32); }
  double Unit() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }

 private:
  std::mt19937_64 engine_;
};

// Returns the n-th most frequent word. Frequent words are shorter.
std::string Word(uint32_t n) {
  constexpr std::array<const char*, 20> kOnsets = {"b", "c", "d",  "f",  "g", "h", "l",
                                                   "m", "n", "p",  "r",  "s", "t", "v",
                                                   "w", "k", "st", "tr", "j", "ch"};
  constexpr std::array<const char*, 10> kRest = {"a",  "e",  "i",  "o",  "u",
                                                 "an", "er", "in", "on", "es"};
  std::string word;
  for (++n; n > 0; n /= 200) absl::StrAppend(&word, kOnsets[n % 20], kRest[n / 20 % 10]);
  return word;
}

// Zipf's law: about as many of the first word as of the second and third together, and so on.
uint32_t Rank(Random& random) {
  return static_cast<uint32_t>(std::pow(double{kVocabulary}, random.Unit())) - 1;
}

std::string Capital(std::string word) {
  word[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(word[0])));
  return word;
}

std::string Words(Random& random, uint32_t least, uint32_t most) {
  std::string text;
  for (uint32_t left = least + random.Below(most - least + 1); left > 0; --left) {
    absl::StrAppend(&text, text.empty() ? "" : " ", Capital(Word(Rank(random))));
  }
  return text;
}

std::string Name(Random& random) {
  const uint32_t kind = random.Below(100);
  if (kind < 45) {
    return absl::StrCat(Words(random, 1, 3), " - ", Words(random, 1, 4),
                        random.Below(5) == 0 ? ".flac" : ".mp3");
  }
  if (kind < 57) {
    return absl::StrFormat("Pictures/IMG_%04d%02d%02d_%06d.jpg", 2004 + random.Below(22),
                           1 + random.Below(12), 1 + random.Below(28), random.Below(1'000'000));
  }
  if (kind < 75) {
    return absl::StrFormat("%s - %s (%d).epub", Words(random, 2, 2), Words(random, 1, 4),
                           1900 + random.Below(126));
  }
  if (kind < 85) {
    return absl::StrFormat("%s.%d.%s.mkv", Words(random, 1, 4), 1950 + random.Below(76),
                           random.Below(3) == 0 ? "720p" : "1080p");
  }
  if (kind < 92) {
    return absl::StrFormat("%s/%02d %s.mp3", Words(random, 1, 2), 1 + random.Below(20),
                           Words(random, 1, 3));
  }
  return absl::StrCat(Words(random, 1, 5), random.Below(2) == 0 ? ".pdf" : ".txt");
}

// SplitMix64.
uint64_t Mixed(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

ContentId Content(uint32_t book) {
  ContentId content;
  for (size_t i = 0; i < content.root.size(); i += 8) {
    const uint64_t part = Mixed(uint64_t{book} * 8 + i / 8);
    std::memcpy(content.root.data() + i, &part, 8);
  }
  content.size = Mixed(book) % 10'000'000;
  return content;
}

}  // namespace

BookGenerator::BookGenerator(const Options& options) : books_of_(options.peers) {
  Random random(2026);
  absl::flat_hash_set<std::string> seen;
  names_.reserve(options.names);
  while (names_.size() < options.names) {
    std::string name = Name(random);
    if (seen.insert(name).second) names_.push_back(std::move(name));
  }

  double weights = 0;
  for (uint32_t rank = 1; rank <= options.names; ++rank) weights += std::pow(rank, -0.6);
  const double wanted = static_cast<double>(options.names) * options.holders;
  // All peers hold the most popular books; the rest of the holdings go to the other books.
  double carry = 0;
  for (uint32_t book = 0; book < options.names; ++book) {
    carry += options.holders == 1 ? 1 : wanted * std::pow(book + 1, -0.6) / weights;
    const auto holders = std::min(options.peers, static_cast<uint32_t>(carry));
    carry -= holders;
    uint32_t peer = random.Below(options.peers);
    // A step that has no divisor in common with the number of peers, so that all holders differ.
    uint32_t step = 1 + random.Below(options.peers);
    while (std::gcd(step, options.peers) != 1) ++step;
    for (uint32_t i = 0; i < holders; ++i) {
      books_of_[peer].push_back(book);
      peer = (peer + step) % options.peers;
    }
    holdings_ += holders;
  }
  for (std::vector<uint32_t>& books : books_of_) {
    for (size_t i = books.size(); i > 1; --i) {
      std::swap(books[i - 1], books[random.Below(static_cast<uint32_t>(i))]);
    }
  }
}

PeerInfo BookGenerator::Peer(uint32_t peer) const {
  PeerInfo info;
  info.peer_id = peer + 1;
  std::string key(32, 'k');
  std::memcpy(key.data(), &info.peer_id, sizeof(info.peer_id));
  info.key = PublicKey::FromBytes(key).value();
  info.address = absl::StrFormat("10.%d.%d.%d:50051", peer >> 16, peer >> 8 & 255, peer & 255);
  info.policy = v1::SHARE_POLICY_COPY;
  info.free_slots = peer % 9;
  return info;
}

std::vector<StatementRecord> BookGenerator::Page(uint32_t peer, size_t first, size_t count) const {
  std::vector<StatementRecord> page;
  page.reserve(count);
  for (size_t i = first; i < std::min(first + count, BooksOf(peer)); ++i) {
    const uint32_t book = books_of_[peer][i];
    page.push_back(
        StatementRecord::Present({i + 1, BookName::Parse(names_[book]).value(), Content(book)}));
  }
  return page;
}

std::vector<Catalog::ShelfPtr> BookGenerator::Fill(Catalog& catalog) const {
  std::vector<Catalog::ShelfPtr> shelves;
  for (uint32_t peer = 0; peer < peers(); ++peer) {
    shelves.push_back(catalog.Open(Peer(peer), true));
    catalog.SetStreaming(shelves.back(), true);
  }
  bool more = true;
  for (size_t first = 0; more; first += kPage) {
    more = false;
    for (uint32_t peer = 0; peer < peers(); ++peer) {
      const std::vector<StatementRecord> page = Page(peer, first, kPage);
      const Catalog::Applied applied = catalog.Apply(shelves[peer], page);
      if (!applied.status.ok()) {
        std::fprintf(stderr, "%s\n", std::string(applied.status.message()).c_str());
        std::exit(1);
      }
      more = more || page.size() == kPage;
    }
  }
  return shelves;
}

}  // namespace arkshare::bench
