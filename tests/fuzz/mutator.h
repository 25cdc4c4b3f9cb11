// Inputs for the fuzz tests: the same ones in every run, so that a failure can be repeated.
#ifndef ARKSHARE_TESTS_FUZZ_MUTATOR_H_
#define ARKSHARE_TESTS_FUZZ_MUTATOR_H_

#include <absl/strings/numbers.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace arkshare {

// How often to run a loop that takes `rounds` by default: ARKSHARE_FUZZ_FACTOR times as often when
// that environment variable is set.
inline uint64_t FuzzRounds(uint64_t rounds) {
  const char* text = std::getenv("ARKSHARE_FUZZ_FACTOR");
  uint64_t factor = 1;
  if (text != nullptr && !absl::SimpleAtoi(text, &factor)) {
    ADD_FAILURE() << "ARKSHARE_FUZZ_FACTOR is not a number: " << text;
  }
  return rounds * factor;
}

// Breaks good inputs in the ways that inputs break: bits flipped, parts cut out, doubled, swapped
// with parts of others, and interesting pieces put in.
class Mutator {
 public:
  // `corpus`: whole inputs to begin with. `pieces`: what is put in.
  Mutator(uint64_t seed, std::vector<std::string> corpus, std::vector<std::string> pieces)
      : random_(seed), corpus_(std::move(corpus)), pieces_(std::move(pieces)) {}

  std::string Next() {
    std::string input = Pick(corpus_);
    for (uint64_t steps = Below(6); steps > 0; --steps) Mutate(input);
    return input;
  }

  uint64_t Below(uint64_t n) { return random_() % n; }

 private:
  const std::string& Pick(const std::vector<std::string>& from) { return from[Below(from.size())]; }

  void Mutate(std::string& s) {
    const size_t at = Below(s.size() + 1);
    const size_t length = Below(s.size() - at + 1);
    switch (Below(7)) {
      case 0:
        if (at < s.size()) s[at] = static_cast<char>(s[at] ^ (1 << Below(8)));
        break;
      case 1:
        if (at < s.size()) s[at] = static_cast<char>(Below(256));
        break;
      case 2:
        s.erase(at, length);
        break;
      case 3:
        if (s.size() < 8'192) s.insert(at, s.substr(at, length));
        break;
      case 4:
        s.insert(at, Pick(pieces_));
        break;
      case 5:
        s.insert(at, 1 + Below(300), static_cast<char>(Below(256)));
        break;
      case 6: {
        const std::string& other = Pick(corpus_);
        s.replace(at, length, other.substr(Below(other.size() + 1)));
        break;
      }
    }
  }

  std::mt19937_64 random_;
  std::vector<std::string> corpus_;
  std::vector<std::string> pieces_;
};

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_FUZZ_MUTATOR_H_
