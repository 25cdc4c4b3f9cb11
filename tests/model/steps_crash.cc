#include "tests/model/steps_crash.h"

#include <utility>

#include "tests/model/world.h"

namespace arkshare::model {
namespace {

class Crash {
 public:
  Crash(const Model& model, const World& world, int peer)
      : model_(model), peer_(peer), after_{world} {
    for (int t = 0; t < model.transfer_count(); ++t) {
      if (model.spec(t).receiver == peer) Receiver(world.transfers[t], t);
      if (model.spec(t).source == peer) SourceFiles(world.transfers[t], t);
    }
    SourceRecords(world);
    for (World& next : after_) Restart(next);
  }
  std::vector<World> Take() { return std::move(after_); }

 private:
  template <typename Survive, typename Vanish>
  void Either(Survive survive, Vanish vanish) {
    const size_t count = after_.size();
    for (size_t i = 0; i < count; ++i) {
      World other = after_[i];
      survive(after_[i]);
      vanish(other);
      after_.push_back(other);
    }
  }

  void Receiver(const Transfer& transfer, int t) {
    if (transfer.copy == Copy::kFetched) {
      Either([](World&) {}, [t](World& next) { next.transfers[t].copy = Copy::kNone; });
    }
    if (transfer.copy == Copy::kRenamed) {
      Either([t](World& next) { InLibrary(next.transfers[t]); },
             [this, t](World& next) {
               next.transfers[t].copy = Copy::kStaged;
               next.peers[peer_].library[next.transfers[t].placed] = {};
               next.transfers[t].placed = 0;
             });
    }
    if (transfer.receiver_writing != Receiving::kNone) {
      Either([this, t](World& next) { CommitReceiver(model_, next, t); },
             [t](World& next) {
               next.transfers[t].receiver_writing = Receiving::kNone;
               next.transfers[t].own_listing = 0;
               next.transfers[t].kept = 0;
             });
    }
  }

  void SourceFiles(const Transfer& transfer, int t) {
    if (transfer.hidden == Hidden::kRenamed) {
      Either([t](World& next) { next.transfers[t].hidden = Hidden::kDurable; },
             [this, t](World& next) {
               const uint8_t name = next.peers[peer_].at(next.transfers[t].listing).name;
               NamedFile& old = next.peers[peer_].library[name];
               if (old.file != File::kNone) {
                 // Something came to the old name later, and so the rename was durable.
                 next.transfers[t].hidden = Hidden::kDurable;
                 return;
               }
               old = next.transfers[t].hidden_file;
               next.transfers[t].scribbled = 0;
               next.transfers[t].hidden = Hidden::kNone;
               next.transfers[t].hidden_file = {};
             });
    }
    if (transfer.hidden == Hidden::kUnlinked) {
      Either(
          [t](World& next) {
            next.transfers[t].hidden = Hidden::kNone;
            next.transfers[t].hidden_file = {};
          },
          [t](World& next) { next.transfers[t].hidden = Hidden::kDurable; });
    }
  }

  // The records of a batch are one transaction.
  void SourceRecords(const World& world) {
    const bool together =
        model_.scenario.batch && !model_.Has(Mistake::kBatchInSeparateTransactions);
    std::vector<int> writing;
    for (int t = 0; t < model_.transfer_count(); ++t) {
      if (model_.spec(t).source == peer_ && world.transfers[t].source_writing != Giving::kNone) {
        writing.push_back(t);
      }
    }
    const size_t step = together && !writing.empty() ? writing.size() : 1;
    for (size_t i = 0; i < writing.size(); i += step) {
      const std::vector<int> items(writing.begin() + i, writing.begin() + i + step);
      Either(
          [&](World& next) {
            for (int t : items) CommitSource(model_, next, t);
          },
          [&](World& next) {
            for (int t : items) next.transfers[t].source_writing = Giving::kNone;
          });
    }
  }

  void Restart(World& next) {
    Peer& peer = next.peers[peer_];
    for (int t = 0; t < model_.transfer_count(); ++t) {
      Transfer& transfer = next.transfers[t];
      if (model_.spec(t).receiver == peer_ && transfer.settled == 2) transfer.settled = 0;
      if (model_.spec(t).source != peer_) continue;
      transfer.verdict = Reason::kNone;
      const bool there = transfer.hidden == Hidden::kDurable;
      if (there && !transfer.released()) {
        if (model_.Has(Mistake::kNotPutBack)) {
          transfer.hidden = Hidden::kOrphan;
        } else {
          peer.recovering = 1;
        }
      }
      if (there && transfer.giving == Giving::kReleased &&
          model_.Has(Mistake::kPutBackThoughReleased)) {
        peer.recovering = 1;
      }
    }
    EndSession(model_, next, peer_);
    for (Indexed& entry : next.index.listings[peer_]) {
      if (entry == Indexed::kPresent) entry = Indexed::kEarlier;
    }
  }

  const Model& model_;
  const int peer_;
  std::vector<World> after_;
};

}  // namespace

std::vector<World> AfterCrash(const Model& model, const World& world, int peer) {
  return Crash(model, world, peer).Take();
}

}  // namespace arkshare::model
