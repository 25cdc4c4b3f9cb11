#include "tests/chaos/move_order.h"

#include <algorithm>
#include <functional>

namespace arkshare {
namespace {

using Predicate = std::function<bool(const FileOp&)>;

bool Is(const FileOp& op, const char* operation) {
  return op.error == 0 && op.operation == operation;
}
bool Syncs(const FileOp& op) { return Is(op, "sync") || Is(op, "datasync"); }

Predicate Sync(std::string path) {
  return [path = std::move(path)](const FileOp& op) { return Syncs(op) && op.path == path; };
}
Predicate Write(std::string path) {
  return [path = std::move(path)](const FileOp& op) { return Is(op, "write") && op.path == path; };
}
Predicate Rename(std::string from, std::string to) {
  return [from = std::move(from), to = std::move(to)](const FileOp& op) {
    return Is(op, "rename") && op.path.starts_with(from) && op.new_path.starts_with(to);
  };
}

class Checker {
 public:
  explicit Checker(const std::vector<FileOp>& ops) : ops_(ops) {}

  // The first of these after the last step becomes the next step.
  const FileOp* Then(const char* step, const Predicate& predicate) {
    const FileOp* op = Find(step, position_, predicate);
    if (op != nullptr) position_ = order_.at.at(step) + 1;
    return op;
  }
  // The same, but later steps need not come after it.
  const FileOp* Besides(const char* step, const Predicate& predicate) {
    return Find(step, position_, predicate);
  }
  // A commit of SQLite in WAL mode with synchronous=FULL: the journal is written, then synced.
  void ThenCommit(const char* step, const std::string& folder) {
    const std::string journal = folder + "/.arkshare/ledger.db-wal";
    const std::string write = std::string(step) + ", written";
    Then(write.c_str(), Write(journal));
    Then(step, Sync(journal));
  }
  void ContinueAfter(std::initializer_list<const char*> steps) {
    for (const char* step : steps) {
      const auto found = order_.at.find(step);
      if (found != order_.at.end()) position_ = std::max(position_, found->second + 1);
    }
  }
  MoveOrder Finish() { return std::move(order_); }

 private:
  const FileOp* Find(const char* step, size_t from, const Predicate& predicate) {
    if (!order_.missing.empty()) return nullptr;
    for (size_t i = from; i < ops_.size(); ++i) {
      if (!predicate(ops_[i])) continue;
      order_.at[step] = i;
      return &ops_[i];
    }
    order_.missing = step;
    return nullptr;
  }

  const std::vector<FileOp>& ops_;
  size_t position_ = 0;
  MoveOrder order_;
};

}  // namespace

MoveOrder CheckMoveOrder(const std::vector<FileOp>& ops, const std::string& source,
                         const std::string& receiver, const std::string& name) {
  const std::string staging = receiver + "/.arkshare/staging";
  const std::string released = source + "/.arkshare/released";
  Checker check(ops);
  // Which of the staged files it is shows in where it goes: beside its place, then there.
  const auto admitted = std::find_if(ops.begin(), ops.end(), [&](const FileOp& op) {
    return Rename(receiver + "/.arkshare-", receiver + "/")(op) &&
           op.new_path == receiver + "/" + name;
  });
  const std::string near = admitted == ops.end() ? "nowhere" : admitted->path;
  const auto brought = std::find_if(ops.begin(), ops.end(), [&](const FileOp& op) {
    return Rename(staging + "/", near)(op) && op.new_path == near;
  });
  const std::string staged = brought == ops.end() ? "nowhere" : brought->path;
  check.Then("the staged file is made",
             [&](const FileOp& op) { return Is(op, "open") && op.path == staged; });
  // The last write of the book: whatever is written later was not synced.
  size_t writes = 0;
  for (const FileOp& op : ops) writes += Write(staged)(op) ? 1 : 0;
  for (size_t i = 0; i < writes; ++i) check.Then("the book is written", Write(staged));
  check.Then("the book is brought near", Rename(staged, near));
  check.Then("the book is synced", Sync(near));
  check.Then("its name there is synced", Sync(receiver));
  check.ThenCommit("PREPARED is recorded", receiver);

  const FileOp* hidden = check.Then("the file is hidden", [&](const FileOp& op) {
    return Rename(source + "/", released + "/")(op) && op.path == source + "/" + name;
  });
  if (hidden == nullptr) return check.Finish();
  check.Besides("released is synced", Sync(released));
  check.Besides("the source's folder is synced", Sync(source));
  check.ContinueAfter({"released is synced", "the source's folder is synced"});
  check.ThenCommit("RELEASED is recorded", source);

  check.ThenCommit("OWNED is recorded", receiver);
  check.Then("the book enters the library", Rename(near, receiver + "/" + name));
  check.Then("the receiver's folder is synced", Sync(receiver));

  check.Then("the hidden copy is unlinked",
             [&](const FileOp& op) { return Is(op, "unlink") && op.path == hidden->new_path; });
  check.Then("released is synced again", Sync(released));
  check.ThenCommit("GONE is recorded", source);

  // And nothing of it early.
  MoveOrder order = check.Finish();
  if (!order.missing.empty()) return order;
  const auto not_before = [&](const Predicate& predicate, const char* step, const char* what) {
    for (size_t i = 0; i < order.at.at(step); ++i) {
      if (predicate(ops[i])) order.missing = what;
    }
  };
  not_before(Rename(source + "/" + name, released), "PREPARED is recorded",
             "nothing hidden before PREPARED");
  not_before([&](const FileOp& op) { return Is(op, "unlink") && op.path == hidden->new_path; },
             "the receiver's folder is synced", "nothing unlinked before the receiver's sync");
  not_before(Rename(near, receiver + "/"), "OWNED is recorded", "nothing admitted before OWNED");
  return order;
}

}  // namespace arkshare
