#include "services/index/table_printer.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include <algorithm>

#include "lib/core/book_name.h"

namespace arkshare {
namespace {

constexpr size_t kMostPeers = 50;
constexpr size_t kMostBooks = 10;

std::string FormatBooks(const CatalogTable::Row& row) {
  const auto quoted = [](std::string* out, const std::string& name) {
    absl::StrAppend(out, "'", EscapeForDisplay(name), "'");
  };
  std::string text = absl::StrCat("[", absl::StrJoin(row.first_books, ", ", quoted), "]");
  if (row.peer.book_count > row.first_books.size()) {
    absl::StrAppend(&text, " ... and ", row.peer.book_count - row.first_books.size(), " more");
  }
  if (!row.peer.listed) absl::StrAppend(&text, " (not listed)");
  return text;
}

}  // namespace

std::string FormatTable(const CatalogTable& table) {
  size_t address_width = sizeof("address") - 1;
  for (const CatalogTable::Row& row : table.rows) {
    address_width = std::max(address_width, row.peer.info.address.size());
  }
  const int width = static_cast<int>(address_width);
  std::string text = absl::StrFormat("%7s  %-*s  %s\n", "peer id", width, "address", "books");
  for (const CatalogTable::Row& row : table.rows) {
    absl::StrAppendFormat(&text, "%7d  %-*s  %s\n", row.peer.info.peer_id, width,
                          row.peer.info.address, FormatBooks(row));
  }
  if (table.peer_count > table.rows.size()) {
    absl::StrAppend(&text, "... and ", table.peer_count - table.rows.size(), " more\n");
  }
  absl::StrAppend(&text, "--- Active Connections : ", table.connection_count, " ---\n");
  return text;
}

TablePrinter::~TablePrinter() { Stop(); }

void TablePrinter::Start(const Catalog* catalog) {
  thread_ = std::thread([this, catalog] { Run(catalog); });
}

void TablePrinter::Changed() {
  MutexLock lock(&mutex_);
  changed_ = true;
  changed_cv_.NotifyOne();
}

void TablePrinter::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_cv_.NotifyOne();
  }
  if (thread_.joinable()) thread_.join();
}

void TablePrinter::Run(const Catalog* catalog) {
  std::string last;
  while (true) {
    {
      MutexLock lock(&mutex_);
      while (!changed_ && !stopping_) changed_cv_.Wait(&mutex_);
      if (!changed_) return;
      changed_ = false;
    }
    std::string text = FormatTable(catalog->Table(kMostPeers, kMostBooks));
    if (text == last) continue;  // Something changed that the table does not show.
    std::fputs(text.c_str(), file_);
    std::fflush(file_);
    last = std::move(text);
  }
}

}  // namespace arkshare
