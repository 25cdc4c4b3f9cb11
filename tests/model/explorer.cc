#include "tests/model/explorer.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>

#include "tests/model/steps.h"

namespace arkshare::model {
namespace {

uint64_t Hash(const World& world) {
  constexpr size_t kWords = (sizeof(World) + 7) / 8;
  uint64_t words[kWords] = {};
  std::memcpy(words, &world, sizeof world);
  uint64_t hash = 0x9e3779b97f4a7c15;
  for (uint64_t word : words) {
    hash = (hash ^ word) * 0xff51afd7ed558ccd;
    hash ^= hash >> 32;
  }
  hash *= 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 29);
}

constexpr uint32_t kNoNode = UINT32_MAX;

// How a world was reached first. The world itself is not kept: its trace is replayed.
struct Node {
  uint32_t parent;
  // The world that the first of its progress steps leads to.
  uint32_t next;
  // Which of the parent's successors it is.
  uint32_t ordinal;
};

// The worlds that were visited: an open-addressed table from their hashes to their nodes.
class Visited {
 public:
  Visited() : slots_(1 << 16) {}

  // The node's number, and whether it is new.
  std::pair<uint32_t, bool> Insert(uint64_t hash, uint32_t parent, uint32_t ordinal) {
    if (nodes_.size() * 2 > slots_.size()) Grow();
    Slot& slot = Find(slots_, hash);
    if (slot.node != kNoNode) return {slot.node, false};
    slot = {hash, static_cast<uint32_t>(nodes_.size())};
    nodes_.push_back({parent, kNoNode, ordinal});
    return {slot.node, true};
  }

  std::vector<Node>& nodes() { return nodes_; }

 private:
  struct Slot {
    uint64_t hash = 0;
    uint32_t node = kNoNode;
  };

  // The hash's slot, or the empty one where it belongs.
  static Slot& Find(std::vector<Slot>& slots, uint64_t hash) {
    const size_t mask = slots.size() - 1;
    size_t i = hash & mask;
    while (slots[i].node != kNoNode && slots[i].hash != hash) i = (i + 1) & mask;
    return slots[i];
  }

  void Grow() {
    std::vector<Slot> larger(slots_.size() * 2);
    for (const Slot& slot : slots_) {
      if (slot.node != kNoNode) Find(larger, slot.hash) = slot;
    }
    slots_ = std::move(larger);
  }

  std::vector<Slot> slots_;
  std::vector<Node> nodes_;
};

std::string Line(const Step& step) {
  std::string line = step.peer < 0 ? "index" : std::string(1, static_cast<char>('A' + step.peer));
  line += step.transfer < 0 ? "      " : "  t" + std::to_string(step.transfer) + "  ";
  return line + step.what;
}

// The steps from the initial world to a node, replayed.
std::vector<std::string> Trace(const Model& model, const std::vector<Node>& nodes, uint32_t node) {
  std::vector<uint32_t> path;
  for (; nodes[node].parent != kNoNode; node = nodes[node].parent) {
    path.push_back(nodes[node].ordinal);
  }
  std::reverse(path.begin(), path.end());
  std::vector<std::string> lines;
  World world = InitialWorld(model.scenario);
  Successors steps;
  for (uint32_t ordinal : path) {
    steps.Clear();
    AllSteps(model, world, steps);
    lines.push_back(Line(steps.all()[ordinal].step));
    world = steps.all()[ordinal].world;
  }
  return lines;
}

// A node from which the programs' first steps lead back to itself, or kNoNode. Every other node
// leads to a world in which nothing is left to do.
uint32_t FindCircle(const std::vector<Node>& nodes) {
  std::vector<uint32_t> round(nodes.size(), 0);
  for (uint32_t start = 0; start < nodes.size(); ++start) {
    uint32_t node = start;
    while (node != kNoNode && round[node] == 0) {
      round[node] = start + 1;
      node = nodes[node].next;
    }
    if (node != kNoNode && round[node] == start + 1) return node;
  }
  return kNoNode;
}

class Explorer {
 public:
  Explorer(const Model& model, uint64_t limit, Violation wanted)
      : model_(model), limit_(limit), wanted_(wanted) {}

  Exploration Run() {
    const auto start = std::chrono::steady_clock::now();
    const World initial = InitialWorld(model_.scenario);
    visited_.Insert(Hash(initial), kNoNode, 0);
    std::vector<std::pair<World, uint32_t>> level = {{initial, 0}};
    while (!level.empty() && result_.violation == Violation::kNone) {
      std::vector<std::pair<World, uint32_t>> next_level;
      for (const auto& [world, node] : level) {
        Visit(world, node, next_level);
        if (result_.violation != Violation::kNone) break;
      }
      level = std::move(next_level);
    }
    if (result_.violation == Violation::kNone) {
      const uint32_t circle = FindCircle(visited_.nodes());
      if (circle != kNoNode) Fail(Violation::kNeverSettles, circle);
    }
    result_.states = visited_.nodes().size();
    result_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return result_;
  }

 private:
  // Whether this ends the exploration.
  bool Fail(Violation violation, uint32_t node) {
    if (violation == Violation::kNone) return false;
    const bool passed_over = wanted_ != Violation::kNone && violation != wanted_;
    if (passed_over && violation != Violation::kBounds) return false;
    result_.violation = violation;
    result_.trace = Trace(model_, visited_.nodes(), node);
    return true;
  }

  void Visit(const World& world, uint32_t node,
             std::vector<std::pair<World, uint32_t>>& next_level) {
    steps_.Clear();
    AllSteps(model_, world, steps_);
    bool quiescent = true;
    uint32_t ordinal = 0;
    for (const Successor& successor : steps_.all()) {
      ++result_.transitions;
      const auto [next, is_new] = visited_.Insert(Hash(successor.world), node, ordinal++);
      if (successor.progress && quiescent) {
        quiescent = false;
        visited_.nodes()[node].next = next;
      }
      if (Fail(CheckStep(model_, world, successor.step, successor.world), node)) {
        result_.trace.push_back(Line(successor.step));
        return;
      }
      if (!is_new) continue;
      if (Fail(CheckWorld(model_, successor.world), next)) return;
      if (visited_.nodes().size() > limit_ && Fail(Violation::kBounds, next)) return;
      next_level.emplace_back(successor.world, next);
    }
    if (!quiescent) return;
    ++result_.quiescent;
    Fail(CheckQuiescent(model_, world), node);
  }

  const Model& model_;
  const uint64_t limit_;
  const Violation wanted_;
  Visited visited_;
  Successors steps_;
  Exploration result_;
};

}  // namespace

Exploration Explore(const Model& model, uint64_t limit, Violation wanted) {
  return Explorer(model, limit, wanted).Run();
}

}  // namespace arkshare::model
