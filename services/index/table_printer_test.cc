#include "services/index/table_printer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

TEST(TablePrinterTest, ShowsPeersTheirBooksAndTheConnections) {
  Catalog catalog({});
  const auto one = catalog.Open(TestPeer(1, 1), true);
  catalog.SetStreaming(one, true);
  catalog.Apply(one, {Present(1, "164", 1), Present(2, "144", 2)});
  const auto two = catalog.Open(TestPeer(12, 2), false);
  EXPECT_EQ(FormatTable(catalog.Table(50, 10)),
            "peer id  address         books\n"
            "      1  10.0.0.1:4000   ['144', '164']\n"
            "     12  10.0.0.12:4000  [] (not listed)\n"
            "--- Active Connections : 1 ---\n");
}

TEST(TablePrinterTest, LargeCatalogsAndOddNamesStaySmallAndHarmless) {
  Catalog catalog({});
  for (uint32_t id = 1; id <= 60; ++id) {
    const auto shelf = catalog.Open(TestPeer(id, static_cast<uint8_t>(id)), true);
    catalog.SetStreaming(shelf, true);
    for (uint64_t n = 1; n <= 15; ++n) {
      catalog.Apply(shelf, {Present(n, "b" + std::to_string(10 + n), n)});
    }
  }
  const std::string text = FormatTable(catalog.Table(50, 10));
  EXPECT_THAT(text, testing::HasSubstr("'b20'] ... and 5 more\n"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("b21")));
  EXPECT_THAT(text, testing::HasSubstr("\n... and 10 more\n--- Active Connections : 60 ---\n"));
}

TEST(TablePrinterTest, PrintsAfterAChangeAndNotWithoutOne) {
  char* data = nullptr;
  size_t size = 0;
  std::FILE* file = open_memstream(&data, &size);
  {
    TablePrinter printer(file);
    Catalog catalog({.max_books_per_peer = 10, .on_change = [&] { printer.Changed(); }});
    printer.Start(&catalog);
    catalog.SetStreaming(catalog.Open(TestPeer(1, 1), true), true);
    printer.Stop();
    catalog.Open(TestPeer(2, 2), true);  // The printer has stopped.
  }
  std::fclose(file);
  const std::string text(data, size);
  std::free(data);
  EXPECT_TRUE(testing::internal::RE::FullMatch(
      text, testing::internal::RE("(.|\n)*--- Active Connections : 1 ---\n")));
}

}  // namespace
}  // namespace arkshare
