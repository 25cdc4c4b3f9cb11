// Decides which piece to fetch next from which holder. Pure: no socket, clock, thread or lock, so
// that every schedule is a table test.
#ifndef ARKSHARE_SERVICES_PEER_FETCH_PIECE_PLAN_H_
#define ARKSHARE_SERVICES_PEER_FETCH_PIECE_PLAN_H_

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <vector>

namespace arkshare {

// The pieces of one book, from any number of holders, each with any number of streams.
//
// While every holder has the whole book, a stream gets a run of consecutive pieces: a whole stretch
// when there is one holder, otherwise as many as its holder delivers in a few seconds. When nothing
// is left to give, a free stream takes over the back of the run that would end last. Only when even
// that is impossible, at the very end, a piece is asked for twice.
//
// As soon as one holder has only a part of the book, each stream gets one piece at a time: the
// rarest, a random one among equals. So peers that fetch at the same time soon have different
// pieces to exchange. A fast holder also gets the next pieces that it sends in the same moment.
//
// Not thread-safe.
class PiecePlan {
 public:
  using HolderId = int;
  using StreamId = int;

  // A run: pieces `first` to `end` - 1.
  struct Range {
    uint64_t first = 0;
    uint64_t end = 0;
    bool operator==(const Range&) const = default;
  };

  // `piece_bytes` is the length of all but the last piece. `seed` decides what chance decides.
  PiecePlan(uint64_t pieces, uint64_t piece_bytes, uint64_t seed);
  // Sets where the first run begins; the pieces before it come last. Default: the first piece.
  void BeginAt(uint64_t piece) { begin_ = piece; }

  // --- Holders ---
  void AddHolder(HolderId id, bool complete);
  // Its streams have ended already.
  void RemoveHolder(HolderId id);
  // Notes that a holder of a part has this piece too. With all of them it becomes complete. Returns
  // false when that is no news, or the book has no such piece.
  bool HolderHas(HolderId id, uint64_t piece);
  // Sets what it delivers over all its streams, in bytes a second; 0: unknown.
  void SetRate(HolderId id, double bytes_per_second);

  // --- Streams ---
  // Gives a run to a stream that has none; nullopt when there is nothing for it now. A second
  // stream of a holder gets one only where pieces go one by one, or when the run of the first
  // stream ends soon, which hides the round trip between the two runs.
  std::optional<Range> Begin(StreamId stream, HolderId holder);
  // Whether the stream should go on to this piece of its run: another stream may have taken it over
  // or have brought it already.
  bool Wanted(StreamId stream, uint64_t piece) const;
  // The stream has received the next piece of its run. Verified or Rejected follows.
  void Arrived(StreamId stream);
  // Whether the stream's run ends so soon that another stream of its holder may begin; never where
  // pieces go one by one.
  bool EndsSoon(StreamId stream) const;
  // The stream has ended. The rest of its run is given again.
  void End(StreamId stream);

  // --- Pieces ---
  void Verified(uint64_t piece);
  void Rejected(uint64_t piece);
  bool verified(uint64_t piece) const { return pieces_[piece].state == State::kVerified; }
  bool done() const { return verified_ == pieces_.size(); }
  uint64_t verified_count() const { return verified_; }

 private:
  enum class State : uint8_t { kMissing, kGiven, kArrived, kVerified };
  struct Piece {
    State state = State::kMissing;
    uint16_t streams = 0;   // that have it in their runs
    uint16_t partials = 0;  // holders of a part that have it
  };
  struct Holder {
    bool complete = false;
    std::vector<bool> has{};  // when not complete
    uint64_t has_count = 0;
    double rate = 0;
  };
  struct Stream {
    HolderId holder = 0;
    uint64_t next = 0;
    uint64_t end = 0;
  };

  bool Has(const Holder& holder, uint64_t piece) const {
    return holder.complete || holder.has[piece];
  }
  bool Busy(HolderId holder) const;
  std::optional<Range> NextStretch(const Holder& holder) const;
  std::optional<Range> RarestPieces(const Holder& holder);
  std::optional<Range> TakeOver(HolderId thief);
  std::optional<Range> AskTwice(HolderId thief);
  void CutRuns();
  void Give(const Range& run);
  void TakeBack(uint64_t piece);
  double SecondsFor(const Holder& holder, uint64_t pieces) const;

  const double piece_bytes_;
  std::mt19937_64 random_;
  uint64_t begin_ = 0;
  std::vector<Piece> pieces_;
  uint64_t verified_ = 0;
  std::map<HolderId, Holder> holders_;
  int partial_holders_ = 0;
  std::map<StreamId, Stream> streams_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_FETCH_PIECE_PLAN_H_
