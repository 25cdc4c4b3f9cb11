// A sequential model of the index for one book: the answers to calls that do not overlap.
#ifndef ARKSHARE_TESTS_LINEARIZABLE_BOOK_MODEL_H_
#define ARKSHARE_TESTS_LINEARIZABLE_BOOK_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/linearizable/checker.h"

namespace arkshare {

// Peers and books are small numbers here, from 0. A listing is (peer, listing number).
using Holding = std::pair<size_t, uint64_t>;

// One call of a client, with its answer.
struct IndexCall {
  enum class Kind {
    kRegister,     // session begins, an older one of the peer ends
    kUnregister,   // session ends
    kShow,         // an Announce stream of the session opens
    kHide,         // that stream ends
    kState,        // items, on that stream
    kUpdateOwner,  // items, in the session
    kSearch,       // found
  };
  struct Item {
    size_t book = 0;
    std::optional<uint64_t> present;  // at the peer
    std::optional<Holding> gone;
  };

  Kind kind = Kind::kSearch;
  size_t peer = 0;
  uint64_t session = 0;  // from 1; never used twice
  std::vector<Item> items = {};
  bool refused = false;             // the index did not know the session
  size_t book = 0;                  // the book that was searched
  std::vector<Holding> found = {};  // sorted

  std::string ToString() const;
};

// Returns the calls that concern `book`; sessions begin and end for all books.
std::vector<Timed<IndexCall>> ForBook(const std::vector<Timed<IndexCall>>& history, size_t book);

// The peers, as far as one book is concerned. Gone is final, whenever it is stated.
class BookState {
 public:
  explicit BookState(size_t peers) : peers_(peers) {}

  // Returns the state after `call`; nullopt when its answer is wrong in this state.
  std::optional<BookState> After(const IndexCall& call) const;

  bool operator==(const BookState&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const BookState& state) {
    return H::combine(std::move(h), state.peers_);
  }

 private:
  struct Peer {
    uint64_t session = 0;  // 0 for none
    bool shown = false;
    std::vector<uint64_t> present;  // sorted, as is `gone`
    std::vector<uint64_t> gone;

    bool operator==(const Peer&) const = default;
    template <typename H>
    friend H AbslHashValue(H h, const Peer& peer) {
      return H::combine(std::move(h), peer.session, peer.shown, peer.present, peer.gone);
    }
  };

  void Apply(const IndexCall& call);
  std::vector<Holding> Visible() const;

  std::vector<Peer> peers_;
};

// Checks each book. Returns a description of the first violation, or nullopt.
std::optional<std::string> FindViolation(const std::vector<Timed<IndexCall>>& history, size_t peers,
                                         size_t books);

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_LINEARIZABLE_BOOK_MODEL_H_
