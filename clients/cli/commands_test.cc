#include "clients/cli/commands.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "clients/cli/render.h"
#include "clients/cli/testing/cli_fixture.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

using google::protobuf::Struct;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class CommandsTest : public CliTest {
 protected:
  // The output's lines, each read by a parser that is not ours.
  std::vector<Struct> JsonLines() const {
    std::vector<Struct> lines;
    for (absl::string_view line : absl::StrSplit(out(), '\n', absl::SkipEmpty())) {
      lines.emplace_back();
      EXPECT_TRUE(
          google::protobuf::util::JsonStringToMessage(std::string(line), &lines.back()).ok())
          << line;
    }
    return lines;
  }

  static std::string Text(const Struct& object, const std::string& field) {
    return object.fields().at(field).string_value();
  }

  void AddPeer(uint32_t peer_id, const std::string& address, const std::string& key = "") {
    v1::Peer peer;
    peer.set_peer_id(peer_id);
    peer.set_address(address);
    peer.set_public_key(key.empty() ? std::string(32, 'k') : key);
    peer.set_policy(peer_id == 2 ? v1::SHARE_POLICY_COPY : v1::SHARE_POLICY_MOVE);
    peer.set_book_count(peer_id * 10);
    peer.set_free_slots(8);
    peer.set_listed(peer_id != 3);
    index_.AddPeer(peer);
  }
};

TEST_F(CommandsTest, LsListsEverythingWithItsReason) {
  peer_.library().AddBook("Bücher 日本", MakeContent(0xab, 2048));
  peer_.library().AddBook("195", MakeContent(0xcd, 3));
  v1::LibraryEntry entry;
  entry.set_name("new");
  entry.set_size_bytes(7);
  peer_.library().AddEntry(entry);
  entry.set_name("bad");
  entry.set_unshared_reason("two names are the same in NFC");
  peer_.library().AddEntry(entry);
  EXPECT_EQ(RunLs(*session_), kExitDone);
  EXPECT_EQ(out(),
            "NAME            SIZE  ROOT          NOTE\n"
            "195              3 B  cd1111111111\n"
            "Bücher 日本  2.0 KiB  ab1111111111\n"
            "bad              7 B                not shared: two names are the same in NFC\n"
            "new              7 B                being hashed\n"
            "3 books, 2.0 KiB; 1 not shared\n");
}

TEST_F(CommandsTest, LsOfAnEmptyFolderSaysWhatToDo) {
  EXPECT_EQ(RunLs(*session_), kExitDone);
  EXPECT_EQ(out(), "the folder is empty; put files into it, or run arkshare-cli share PATH\n");
}

TEST_F(CommandsTest, LsInJson) {
  peer_.library().AddBook("a \"b\" \\", MakeContent(0xab, 2048));
  peer_.library().AddBook("日本", MakeContent(0xcd, 3));
  session_->console.json = true;
  EXPECT_EQ(RunLs(*session_), kExitDone);
  const std::vector<Struct> lines = JsonLines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(Text(lines[0], "name"), "a \"b\" \\");
  EXPECT_EQ(lines[0].fields().at("size_bytes").number_value(), 2048);
  const Struct& listing = lines[0].fields().at("listing").struct_value();
  EXPECT_THAT(Text(listing.fields().at("content").struct_value(), "root"), StartsWith("ab1111"));
  EXPECT_EQ(Text(lines[1], "name"), "日本");
}

TEST_F(CommandsTest, StatusShowsWhatMatters) {
  v1::GetStatusResponse status = peer_.status();
  status.set_book_count(3);
  status.set_book_bytes(2048);
  status.set_upload_slots(8);
  status.set_upload_limit(1024 * 1024);
  status.set_limbo_count(1);
  status.set_trouble("port closed");
  peer_.SetStatus(status);
  EXPECT_EQ(RunStatus(*session_), kExitDone);
  EXPECT_THAT(out(),
              HasSubstr("peer            5\nonline          yes\ntrouble         port closed\n"));
  EXPECT_THAT(out(), HasSubstr("books           3 (2.0 KiB)\n"));
  EXPECT_THAT(out(), HasSubstr("upload limit    1.0 MiB/s\ndownload limit  none\n"));
  EXPECT_THAT(out(), HasSubstr("in limbo        1 book given away"));
  out_.str("");
  session_->console.json = true;
  EXPECT_EQ(RunStatus(*session_), kExitDone);
  ASSERT_EQ(JsonLines().size(), 1u);
  EXPECT_EQ(JsonLines()[0].fields().at("peer_id").number_value(), 5);
  EXPECT_EQ(Text(JsonLines()[0], "policy"), "move");
}

TEST_F(CommandsTest, TransfersAreATable) {
  EXPECT_EQ(RunTransfers(*session_, {}), kExitDone);
  EXPECT_EQ(out(), "no transfers since the peer started\n");
  out_.str("");
  v1::Transfer transfer;
  transfer.set_name("195");
  *transfer.mutable_content() = MakeContent(1, 2048);
  transfer.set_state(v1::TRANSFER_STATE_FETCHING);
  transfer.set_bytes_done(1024);
  transfer.set_bytes_per_second(512);
  transfer.set_from_peer_id(1);
  transfer.set_moving(true);
  peer_.transfers().AddTransfer(transfer);
  for (uint32_t id = 2; id < 7; ++id) transfer.add_contributions()->set_peer_id(id);
  transfer.set_name("7");
  transfer.set_state(v1::TRANSFER_STATE_FAILED);
  transfer.mutable_error()->set_message("the disk is full");
  transfer.set_bytes_per_second(0);
  transfer.set_moving(false);
  peer_.transfers().AddTransfer(transfer);
  v1::Transfer waiting;
  waiting.set_name("8");
  *waiting.mutable_content() = MakeContent(2, 2048);
  waiting.set_state(v1::TRANSFER_STATE_QUEUED);
  waiting.set_queue_position(3);
  waiting.mutable_estimated_wait()->set_seconds(125);
  peer_.transfers().AddTransfer(waiting);
  EXPECT_EQ(RunTransfers(*session_, {}), kExitDone);
  EXPECT_EQ(
      out(),
      "ID  BEGUN  STATE     NAME     SIZE     DONE     RATE                FROM  HOW   NOTE\n"
      "           fetching  195   2.0 KiB  1.0 KiB  512 B/s                   1  move\n"
      "           failed    7     2.0 KiB  1.0 KiB           2, 3, 4 and 2 more  copy  the disk "
      "is full\n"
      "           queued    8     2.0 KiB      0 B                               copy  waiting: "
      "3 before you, "
      "about 2 min\n");
  out_.str("");
  session_->console.json = true;
  EXPECT_EQ(RunTransfers(*session_, {}), kExitDone);
  ASSERT_EQ(JsonLines().size(), 3u);
  EXPECT_EQ(JsonLines()[2].fields().at("queue_position").number_value(), 3);
  EXPECT_EQ(Text(JsonLines()[2], "estimated_wait"), "125s");
  EXPECT_FALSE(JsonLines()[0].fields().contains("estimated_wait"));
}

v1::Transfer WaitingTransfer(const std::string& id_begin, const std::string& name) {
  v1::Transfer transfer;
  transfer.set_transfer_id(id_begin + std::string(16 - id_begin.size(), 'a'));
  transfer.set_name(name);
  *transfer.mutable_content() = MakeContent(1, 2048);
  transfer.set_state(v1::TRANSFER_STATE_HANDING_OVER);
  transfer.set_bytes_done(2048);
  transfer.set_moving(true);
  transfer.set_message("waiting for the source: it is not online now");
  return transfer;
}

TEST_F(CommandsTest, TransfersSayHowToKeepWhatWaitsForItsSource) {
  peer_.transfers().AddTransfer(WaitingTransfer("\x12\x34\x56\x78", "195"));
  v1::Transfer asking = WaitingTransfer("\x12\x34\x56\x79", "7");
  asking.clear_message();
  peer_.transfers().AddTransfer(asking);
  v1::Transfer done = WaitingTransfer("\x12\x34\x56\x7a", "8");
  done.set_state(v1::TRANSFER_STATE_DONE);
  peer_.transfers().AddTransfer(done);
  EXPECT_EQ(RunTransfers(*session_, {}), kExitDone);
  EXPECT_THAT(out(), HasSubstr("  waiting for the source: it is not online now (if the source is "
                               "gone for good: arkshare-cli transfers keep 123456786161)\n"));
  EXPECT_THAT(out(), Not(HasSubstr("keep 12345679")));
  EXPECT_THAT(out(), Not(HasSubstr("keep 1234567a")));
}

TEST_F(CommandsTest, TransfersShowTheIdsThatOtherCommandsTake) {
  peer_.transfers().AddTransfer(WaitingTransfer("\x12\x34\x56\x78", "195"));
  EXPECT_EQ(RunTransfers(*session_, {}), kExitDone);
  EXPECT_THAT(out(), HasSubstr("\n123456786161  "));
}

TEST_F(CommandsTest, KeepTakesTheTransferWithThisId) {
  peer_.transfers().AddTransfer(WaitingTransfer("\x12\x34\x56\x78", "195"));
  peer_.transfers().AddTransfer(WaitingTransfer("\x12\x34\x56\x99", "7"));
  EXPECT_EQ(RunTransfers(*session_, {.keep = "123456"}), kExitFailed);
  EXPECT_THAT(err(), HasSubstr("give more digits"));
  EXPECT_EQ(RunTransfers(*session_, {.keep = "12345"}), kExitUsage);
  EXPECT_EQ(RunTransfers(*session_, {.keep = "nothex"}), kExitUsage);
  EXPECT_EQ(RunTransfers(*session_, {.keep = "aaaaaa"}), kExitNotFound);
  EXPECT_THAT(peer_.transfers().kept(), IsEmpty());
  EXPECT_EQ(out(), "");
  v1::KeepTransferResponse answer;
  answer.mutable_listing()->set_name("195");
  answer.mutable_listing()->set_listing_number(4);
  peer_.transfers().SetKeepAnswer(answer);
  EXPECT_EQ(RunTransfers(*session_, {.keep = "12345678"}), kExitDone);
  EXPECT_EQ(out(),
            "kept 195 in the library as a copy; the source may have one as well, shared or in its "
            "limbo\n");
  EXPECT_THAT(peer_.transfers().kept(),
              ElementsAre(std::string("\x12\x34\x56\x78") + std::string(12, 'a')));
}

TEST_F(CommandsTest, CancelAndForgetEndTheTransfersWithTheseIds) {
  const std::string first = std::string("\x12\x34\x56\x78") + std::string(12, 'a');
  const std::string second = std::string("\x12\x34\x56\x99") + std::string(12, 'a');
  const std::string third = std::string("\x13\x34\x56\x99") + std::string(12, 'a');
  peer_.transfers().AddTransfer(WaitingTransfer("\x12\x34\x56\x78", "195"));
  peer_.transfers().AddTransfer(WaitingTransfer("\x12\x34\x56\x99", "7"));
  peer_.transfers().AddTransfer(WaitingTransfer("\x13\x34\x56\x99", "8"));
  EXPECT_EQ(RunTransfers(*session_, {.cancel = {"123456"}}), kExitFailed);
  EXPECT_EQ(RunTransfers(*session_, {.forget = {"nothex"}}), kExitUsage);
  EXPECT_EQ(RunTransfers(*session_, {.cancel = {"12345678", "aaaaaa"}}), kExitNotFound);
  EXPECT_THAT(peer_.transfers().ended(), IsEmpty());

  EXPECT_EQ(RunTransfers(*session_, {.cancel = {"12345678", "12345699"}}), kExitDone);
  EXPECT_EQ(out(), "cancelled 195\ncancelled 7\n");
  EXPECT_THAT(peer_.transfers().ended(), ElementsAre(first, second));
  out_.str("");
  peer_.transfers().RefuseToEnd(third, MakeError(Reason::kTransferNotEndable, "it is too late"));
  EXPECT_EQ(RunTransfers(*session_, {.forget = {"13345699"}}), kExitFailed);
  EXPECT_THAT(err(), HasSubstr("it is too late"));
  EXPECT_EQ(out(), "");
}

TEST_F(CommandsTest, KeepSaysWhatTheSourceAnsweredMeanwhile) {
  peer_.transfers().AddTransfer(WaitingTransfer("\x12\x34\x56\x78", "195"));
  v1::KeepTransferResponse answer;
  answer.mutable_listing()->set_name("195 (2)");
  answer.set_moved(true);
  peer_.transfers().SetKeepAnswer(answer);
  EXPECT_EQ(RunTransfers(*session_, {.keep = "123456786161"}), kExitDone);
  EXPECT_EQ(out(),
            "the source has just answered: 195 (2) has moved here, and the source keeps no copy\n");
  out_.str("");
  session_->console.json = true;
  EXPECT_EQ(RunTransfers(*session_, {.keep = "123456786161"}), kExitDone);
  ASSERT_EQ(JsonLines().size(), 1u);
  EXPECT_TRUE(JsonLines()[0].fields().at("moved").bool_value());
  out_.str("");
  peer_.transfers().SetKeepAnswer(MakeError(Reason::kTransferNotWaiting, "it is over"));
  EXPECT_EQ(RunTransfers(*session_, {.keep = "123456786161"}), kExitFailed);
  EXPECT_EQ(err(), "arkshare-cli: it is over\n");
  EXPECT_EQ(out(), "");
  StopPeer();
  EXPECT_EQ(RunTransfers(*session_, {.keep = "123456786161"}), kExitUnreachable);
}

TEST_F(CommandsTest, ShareSendsAbsolutePathsAndReportsEachOne) {
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(RunShare(*session_, {.paths = {"/a/195", "missing", "folder"}}), kExitNotFound);
  EXPECT_THAT(peer_.library().shared_paths(),
              ElementsAre("/a/195", here + "/missing", here + "/folder"));
  EXPECT_EQ(out(), "shared 195\nshared folder and 2 more files\n");
  EXPECT_EQ(err(), "arkshare-cli: " + here + "/missing: there is no such file\n");
}

TEST_F(CommandsTest, ShareShowsItsProgressWhenItTakesLong) {
  session_->console.clock = Clock::Real();
  session_->console.err_is_terminal = true;
  v1::GetStatusResponse status = peer_.status();
  v1::ShareProgress& share = *status.add_shares();
  share.set_path("/a/huge");
  share.set_bytes_done(1 << 30);
  share.set_bytes_total(uint64_t{4} << 30);
  v1::ShareProgress& of_another_call = *status.add_shares();
  of_another_call.set_path("/a/other");
  peer_.SetStatus(status);
  peer_.library().HoldShareForStatus();
  EXPECT_EQ(RunShare(*session_, {.paths = {"/a/huge"}}), kExitDone);
  EXPECT_THAT(err(), HasSubstr("1.0 GiB of 4.0 GiB copied"));
  EXPECT_THAT(err(), Not(HasSubstr("counting")));
}

TEST_F(CommandsTest, StatusShowsWhatIsBeingSharedAndWhatTheIndexDoesNotList) {
  v1::GetStatusResponse status = peer_.status();
  v1::ShareProgress& share = *status.add_shares();
  share.set_path("/a/huge");
  share.set_bytes_done(5);
  share.set_bytes_total(5);
  status.set_not_indexed_count(2);
  peer_.SetStatus(status);
  EXPECT_EQ(RunStatus(*session_), kExitDone);
  EXPECT_THAT(out(), HasSubstr("/a/huge: copied; being hashed"));
  EXPECT_THAT(out(), HasSubstr("not at index    2 books; arkshare-cli ls says which and why"));
}

TEST_F(CommandsTest, LsMarksWhatTheIndexDoesNotList) {
  v1::LibraryEntry entry;
  entry.set_name("195");
  entry.mutable_listing()->set_listing_number(1);
  entry.set_lend_only(true);
  entry.set_lend_only_reason("the file has another hard link");
  entry.set_not_indexed_reason("the index lists at most 1 books of one peer");
  peer_.library().AddEntry(entry);
  EXPECT_EQ(RunLs(*session_), kExitDone);
  EXPECT_THAT(out(), HasSubstr("not at the index: the index lists at most 1 books of one peer; "
                               "only lent: the file has another hard link"));
}

TEST_F(CommandsTest, ABookThatWaitsForAPlaceIsPlaced) {
  v1::Transfer transfer;
  transfer.set_transfer_id(std::string("\x12\x34\x56\x78") + std::string(12, 'a'));
  transfer.set_name("music/song");
  transfer.set_state(v1::TRANSFER_STATE_HANDING_OVER);
  transfer.set_message("waiting: the book cannot enter the folder: music is a file");
  transfer.set_waits_for_place(true);
  peer_.transfers().AddTransfer(transfer);
  EXPECT_EQ(RunTransfers(*session_, {}), kExitDone);
  EXPECT_THAT(out(), HasSubstr("(to save it elsewhere: arkshare-cli transfers place 123456786161 "
                               "NAME)"));
  EXPECT_EQ(RunTransfers(*session_, {.place = "123456", .place_name = "../song"}), kExitUsage);
  EXPECT_EQ(RunTransfers(*session_, {.place = "aaaaaa", .place_name = "song"}), kExitNotFound);
  peer_.transfers().RefuseToPlace(
      MakeError(Reason::kNameTaken, "there is already a file named song"));
  EXPECT_EQ(RunTransfers(*session_, {.place = "123456", .place_name = "song"}), kExitFailed);
  EXPECT_THAT(err(), HasSubstr("there is already a file named song"));
  peer_.transfers().RefuseToPlace(absl::OkStatus());
  EXPECT_EQ(RunTransfers(*session_, {.place = "123456", .place_name = "songs/song"}), kExitDone);
  EXPECT_THAT(out(), HasSubstr("placed music/song as songs/song\n"));
}

TEST_F(CommandsTest, ShareNamesWhatIsNotSharedOfAFolder) {
  EXPECT_EQ(RunShare(*session_, {.paths = {"/a/mixed folder"}}), kExitUsage);
  EXPECT_THAT(out(), HasSubstr("shared mixed folder and 2 more files"));
  EXPECT_THAT(err(), HasSubstr("/a/mixed folder/sub/caf\\xe9: the name is not UTF-8"));
  EXPECT_THAT(err(), HasSubstr("and 2 more files not shared"));
}

TEST_F(CommandsTest, ShareSplitsManyPathsIntoSeveralRequests) {
  std::vector<std::string> paths;
  for (int i = 0; i < 2001; ++i) paths.push_back(absl::StrCat("/a/", i));
  EXPECT_EQ(RunShare(*session_, {.paths = paths}), kExitDone);
  EXPECT_EQ(peer_.library().shared_paths(), paths);
}

TEST_F(CommandsTest, UnshareSaysThatTheFileStays) {
  peer_.library().AddBook("195", MakeContent(1, 1));
  EXPECT_EQ(RunUnshare(*session_, {.names = {"195", "7"}}), kExitNotFound);
  EXPECT_EQ(out(), "no longer shared: 195 (the file stays where it is)\n");
  EXPECT_EQ(err(), "arkshare-cli: 7: there is no such book in the folder\n");
  EXPECT_EQ(RunUnshare(*session_, {.names = {"../x"}}), kExitUsage);
}

TEST_F(CommandsTest, LimitsAreShownAndChangedOneByOne) {
  EXPECT_EQ(RunLimits(*session_, {}), kExitDone);
  EXPECT_EQ(out(), "upload limit    none\ndownload limit  none\n");
  out_.str("");
  EXPECT_EQ(RunLimits(*session_, {.upload = 20 * 1024 * 1024, .download = std::nullopt}),
            kExitDone);
  EXPECT_EQ(out(), "upload limit    20.0 MiB/s\ndownload limit  none\n");
  const std::vector<v1::SetLimitsRequest> changes = peer_.limit_changes();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_FALSE(changes[0].has_upload_limit() || changes[0].has_download_limit());
  EXPECT_TRUE(changes[1].has_upload_limit());
  EXPECT_FALSE(changes[1].has_download_limit());
}

TEST_F(CommandsTest, LimboListsAndRestores) {
  EXPECT_EQ(RunLimbo(*session_, {}), kExitDone);
  EXPECT_THAT(out(), HasSubstr("nothing in limbo"));
  out_.str("");
  v1::LimboEntry entry;
  entry.set_transfer_id(std::string("\x12\x34\x56\x78", 4) + std::string(12, 'a'));
  entry.set_name("195");
  *entry.mutable_content() = MakeContent(1, 2048);
  entry.set_receiver_public_key(std::string(32, '\x22'));
  peer_.activity().AddLimbo(entry);
  entry.set_transfer_id(std::string("\x12\x34\x56\x99", 4) + std::string(12, 'a'));
  entry.set_name("7");
  peer_.activity().AddLimbo(entry);
  EXPECT_EQ(RunLimbo(*session_, {}), kExitDone);
  EXPECT_THAT(out(), HasSubstr("12345678616161616161616161616161  195   2.0 KiB"));
  EXPECT_THAT(out(), HasSubstr("222222222222\n"));
  out_.str("");
  EXPECT_EQ(RunLimbo(*session_, {.restore = "123456"}), kExitFailed);
  EXPECT_THAT(err(), HasSubstr("give more digits"));
  EXPECT_EQ(RunLimbo(*session_, {.restore = "12345"}), kExitUsage);
  EXPECT_EQ(RunLimbo(*session_, {.restore = "nothex"}), kExitUsage);
  EXPECT_EQ(RunLimbo(*session_, {.restore = "aaaaaa"}), kExitNotFound);
  EXPECT_THAT(peer_.activity().restored(), IsEmpty());
  EXPECT_EQ(RunLimbo(*session_, {.restore = "12345678"}), kExitDone);
  EXPECT_EQ(out(), "restored 195 to the library; the receiver may have a second copy\n");
  EXPECT_EQ(peer_.activity().restored().size(), 1u);
}

TEST_F(CommandsTest, QuitEndsThePeer) {
  EXPECT_EQ(RunQuit(*session_), kExitDone);
  EXPECT_EQ(out(), "--- Connection with Server closed ---\n");
  EXPECT_EQ(peer_.shutdowns(), 1);
}

TEST_F(CommandsTest, SearchByWordsNameAndContent) {
  index_.AddResult(MakeResult("war and peace", MakeContent(0xab, 2048),
                              {MakeHolder(1, "a:1"), MakeHolder(4, "b:2", v1::SHARE_POLICY_COPY)}));
  index_.AddResult(MakeResult("war", MakeContent(0xcd, 3), {MakeHolder(2, "c:3")}));
  EXPECT_EQ(RunSearch(*session_, {.words = {"war", "and"}}), kExitDone);
  EXPECT_EQ(out(),
            "NAME              SIZE  ROOT          PEERS\n"
            "war and peace  2.0 KiB  ab1111111111  1, 4 (copy)\n");
  EXPECT_EQ(index_.searches().back().keywords(), "war and");
  EXPECT_EQ(RunSearch(*session_, {.name = "Bu\u0308cher"}), kExitNotFound);
  EXPECT_EQ(index_.searches().back().name(), "Bücher");
  EXPECT_EQ(err(), "arkshare-cli: nothing found: no live peer has such a book\n");
  const std::string root = ToHex(MakeContent(0xcd, 3).root());
  EXPECT_EQ(RunSearch(*session_, {.root = root, .size = 3}), kExitDone);
  EXPECT_EQ(index_.searches().back().content().size_bytes(), 3u);
}

TEST_F(CommandsTest, SearchSaysThatTheIndexHasNotLookedAtAllBooks) {
  index_.EndSearchesEarly();
  EXPECT_EQ(RunSearch(*session_, {.words = {"a"}}), kExitNotFound);
  EXPECT_THAT(err(), testing::HasSubstr("give more words"));
  index_.AddResult(MakeResult("war", MakeContent(1, 1), {MakeHolder(1, "a:1")}));
  EXPECT_EQ(RunSearch(*session_, {.words = {"war"}}), kExitDone);
  EXPECT_THAT(err(), testing::HasSubstr("before it had looked at all books"));
}

TEST_F(CommandsTest, SearchRefusesHalfAQuery) {
  EXPECT_EQ(RunSearch(*session_, {}), kExitUsage);
  EXPECT_EQ(RunSearch(*session_, {.words = {"a"}, .name = "b"}), kExitUsage);
  EXPECT_EQ(RunSearch(*session_, {.root = "ab", .size = 3}), kExitUsage);
  EXPECT_EQ(RunSearch(*session_, {.root = std::string(64, 'a')}), kExitUsage);
  EXPECT_EQ(RunSearch(*session_, {.name = "../x"}), kExitUsage);
  EXPECT_EQ(index_.calls(), 0);
}

TEST_F(CommandsTest, SearchShowsTheFirstAndSaysThatThereIsMore) {
  for (int i = 1; i <= 5; ++i) {
    index_.AddResult(
        MakeResult(absl::StrCat("war ", i), MakeContent(1, 1), {MakeHolder(1, "a:1")}));
  }
  session_->console.json = true;
  EXPECT_EQ(RunSearch(*session_, {.words = {"war"}, .limit = 3}), kExitDone);
  EXPECT_EQ(JsonLines().size(), 3u);
  EXPECT_EQ(err(), "these are the first 3; --limit N or --all shows more\n");
  out_.str("");
  err_.str("");
  EXPECT_EQ(RunSearch(*session_, {.words = {"war"}, .limit = kNoLimit}), kExitDone);
  const std::vector<Struct> lines = JsonLines();
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(err(), "");
  EXPECT_EQ(Text(lines[4], "name"), "war 5");
  const Struct& holder = lines[4].fields().at("holders").list_value().values(0).struct_value();
  EXPECT_EQ(holder.fields().at("peer_id").number_value(), 1);
  EXPECT_EQ(Text(holder, "address"), "a:1");
}

TEST_F(CommandsTest, PeersAndTheirBooks) {
  EXPECT_EQ(RunPeers(*session_), kExitDone);
  EXPECT_EQ(out(), "no peer is registered\n");
  out_.str("");
  for (uint32_t id = 1; id <= 3; ++id) AddPeer(id, absl::StrCat("127.0.0.1:", id));
  EXPECT_EQ(RunPeers(*session_), kExitDone);
  EXPECT_EQ(out(),
            "PEER  ADDRESS      WAY     POLICY  BOOKS  FREE SLOTS  UPLOAD LIMIT  NOTE\n"
            "   1  127.0.0.1:1  direct  move       10           8          none\n"
            "   2  127.0.0.1:2  direct  copy       20           8          none\n"
            "   3  127.0.0.1:3  hidden  move       30           8          none  hidden: cannot be "
            "reached now\n");
  out_.str("");
  for (int i = 0; i < 3; ++i) {
    v1::Listing listing;
    listing.set_listing_number(static_cast<uint64_t>(i) + 1);
    listing.set_name(absl::StrCat("book ", i));
    *listing.mutable_content() = MakeContent(0xab, 1024);
    index_.AddListing(2, listing);
  }
  EXPECT_EQ(RunBrowse(*session_, {.peer_id = 2}), kExitDone);
  EXPECT_THAT(out(), HasSubstr("book 2  1.0 KiB  ab1111111111\n3 books, 3.0 KiB\n"));
  out_.str("");
  EXPECT_EQ(RunBrowse(*session_, {.peer_id = 1}), kExitDone);
  EXPECT_EQ(out(), "peer 1 lists no books\n");
  EXPECT_EQ(RunBrowse(*session_, {.peer_id = 9}), kExitNotFound);
  EXPECT_EQ(err(), "arkshare-cli: no live peer has this number\n");
}

TEST_F(CommandsTest, AnAnswerThatBreaksTheContractIsNotUsed) {
  AddPeer(1, "127.0.0.1:1\x1b[31mRED");
  EXPECT_EQ(RunPeers(*session_), kExitFailed);
  EXPECT_EQ(RunPing(*session_, {.peer_ids = {1}}), kExitFailed);
  EXPECT_THAT(err(), HasSubstr("the answer breaks the contract: peer.address"));
  EXPECT_THAT(out() + err(), Not(HasSubstr("\x1b")));
}

TEST_F(CommandsTest, PagesThatDoNotComeToAnEndAreNotReadForEver) {
  for (int round = 0; round < 100; ++round) {
    AddPeer(1, "127.0.0.1:1");
    AddPeer(2, "127.0.0.1:2");
  }
  EXPECT_EQ(RunPeers(*session_), kExitFailed);
  EXPECT_THAT(err(), HasSubstr("not in order"));
  EXPECT_EQ(index_.calls(), 2);
}

TEST_F(CommandsTest, PingMeasuresAndVerifies) {
  FakeFileService files;
  const std::unique_ptr<RpcServer> server =
      *RpcServer::Start({.listen = "127.0.0.1:0", .tls = {}, .configure = {}}, {&files});
  AddPeer(1, server->address(), files.public_key().bytes());
  EXPECT_EQ(RunPing(*session_, {.peer_ids = {1}, .count = 3, .interval = absl::ZeroDuration()}),
            kExitDone);
  EXPECT_EQ(files.pings(), 3);
  EXPECT_EQ(out(), absl::StrCat("peer 1 at ", server->address(),
                                ": 3 of 3 answered, min 0.00 ms, median 0.00 ms, max 0.00 ms, "
                                "signature verified\n"));
  out_.str("");
  session_->console.json = true;
  EXPECT_EQ(RunPing(*session_, {.peer_ids = {1}, .count = 2, .interval = absl::ZeroDuration()}),
            kExitDone);
  ASSERT_EQ(JsonLines().size(), 1u);
  EXPECT_EQ(JsonLines()[0].fields().at("answered").number_value(), 2);
  EXPECT_TRUE(JsonLines()[0].fields().at("verified").bool_value());
}

TEST_F(CommandsTest, PingDetectsAForgedAnswer) {
  FakeFileService liar(/*lies=*/true);
  FakeFileService other;
  const std::unique_ptr<RpcServer> server =
      *RpcServer::Start({.listen = "127.0.0.1:0", .tls = {}, .configure = {}}, {&liar});
  const std::unique_ptr<RpcServer> other_server =
      *RpcServer::Start({.listen = "127.0.0.1:0", .tls = {}, .configure = {}}, {&other});
  AddPeer(1, server->address(), liar.public_key().bytes());
  AddPeer(2, other_server->address(), liar.public_key().bytes());
  for (const uint32_t id : {1u, 2u}) {
    EXPECT_EQ(RunPing(*session_, {.peer_ids = {id}}), kExitFailed);
    EXPECT_THAT(err(), HasSubstr(absl::StrCat("peer ", id)));
    EXPECT_THAT(err(), HasSubstr("another program answers at this address"));
    EXPECT_THAT(out(), Not(HasSubstr("verified")));
  }
}

TEST_F(CommandsTest, PingOfSeveralPeersReturnsTheWorstExitCode) {
  AddPeer(1, "127.0.0.1:1");
  EXPECT_EQ(RunPing(*session_, {.peer_ids = {9, 1}}), kExitUnreachable);
  EXPECT_THAT(err(), HasSubstr("the index knows no peer 9; arkshare-cli peers lists them\n"));
  EXPECT_THAT(
      err(),
      HasSubstr(
          "peer 1 at 127.0.0.1:1: cannot reach the peer at 127.0.0.1:1: nothing listens there"));
}

TEST_F(CommandsTest, HealthPrintsWhatEachServerAnswers) {
  EXPECT_EQ(RunHealth(*session_, {.addresses = {peer_target_, index_address_}}), kExitFailed);
  EXPECT_EQ(out(),
            absl::StrCat(peer_target_, " does not serve\n", index_address_, " does not serve\n"));
  out_.str("");
  peer_server_->SetServing(true);
  index_server_->SetServing(true);
  EXPECT_EQ(RunHealth(*session_, {.addresses = {peer_target_, index_address_}}), kExitDone);
  EXPECT_EQ(out(), absl::StrCat(peer_target_, " serves\n", index_address_, " serves\n"));
  out_.str("");
  session_->console.json = true;
  EXPECT_EQ(RunHealth(*session_, {.addresses = {"127.0.0.1:1", index_address_}}), kExitUnreachable);
  EXPECT_THAT(err(), HasSubstr("127.0.0.1:1"));
  ASSERT_EQ(JsonLines().size(), 2u);
  EXPECT_FALSE(JsonLines()[0].fields().at("serving").bool_value());
  EXPECT_TRUE(JsonLines()[1].fields().at("serving").bool_value());
}

TEST_F(CommandsTest, HealthShowsTheReplicaOfAnIndex) {
  peer_server_->SetServing(true);
  index_server_->SetServing(true);
  v1::ReplicaState replica;
  replica.set_store(v1::ReplicaState::STORE_CUT_OFF);
  replica.set_revision(81);
  replica.mutable_behind()->set_seconds(5);
  replica.mutable_reconciles()->set_start(1);
  index_.SetReplica(replica);
  EXPECT_EQ(RunHealth(*session_, {.addresses = {peer_target_, index_address_}}), kExitDone);
  EXPECT_EQ(out(), absl::StrCat(peer_target_, " serves\n", index_address_, " serves; ",
                                ReplicaInWords(replica), "\n"));
  out_.str("");
  session_->console.json = true;
  EXPECT_EQ(RunHealth(*session_, {.addresses = {index_address_}}), kExitDone);
  const auto lines = JsonLines();
  ASSERT_EQ(lines.size(), 1u);
  const auto& shown = lines[0].fields().at("replica").struct_value().fields();
  EXPECT_EQ(shown.at("store").string_value(), "cut_off");
  EXPECT_EQ(shown.at("revision").number_value(), 81);
  EXPECT_EQ(shown.at("reconciles").struct_value().fields().at("start").number_value(), 1);

  // An index that says what cannot be is healthy all the same.
  session_->console.json = false;
  out_.str("");
  replica.mutable_behind()->set_seconds(-1);
  index_.SetReplica(replica);
  EXPECT_EQ(RunHealth(*session_, {.addresses = {index_address_}}), kExitDone);
  EXPECT_EQ(out(), absl::StrCat(index_address_, " serves\n"));
}

TEST_F(CommandsTest, WithoutAPeerEveryCommandSaysSo) {
  StopPeer();
  for (const auto& command : std::vector<std::function<int(Session&)>>{
           RunLs, RunStatus, RunQuit, [](Session& session) { return RunTransfers(session, {}); },
           [](Session& session) { return RunLimits(session, {}); },
           [](Session& session) { return RunGet(session, {.names = {"195"}}); },
           [](Session& session) { return RunShare(session, {.paths = {"/x"}}); }}) {
    err_.str("");
    EXPECT_EQ(command(*session_), kExitUnreachable);
    EXPECT_THAT(err(), HasSubstr("no arkshare-peer answers at " + peer_target_));
  }
  err_.str("");
  EXPECT_EQ(RunPeers(*session_), kExitUnreachable);
  EXPECT_THAT(err(), HasSubstr("; or name an index with --index HOST:PORT"));
  EXPECT_EQ(out(), "");
}

TEST_F(CommandsTest, APeerThatHangsIsToldFromOneThatDoesNotRun) {
  StopPeer();
  // A stopped process still has its socket: the kernel accepts connections, and nothing answers.
  const std::string path = peer_target_.substr(sizeof("unix:") - 1);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(fd, 8), 0);
  EXPECT_EQ(RunStatus(*session_), kExitUnreachable);
  EXPECT_THAT(err(),
              AllOf(HasSubstr("runs and does not answer"), Not(HasSubstr("start one with"))));
  close(fd);
}

TEST_F(CommandsTest, AnIndexOfTheUsersOwnNeedsNoPeer) {
  StopPeer();
  ConnectionOptions with_index = options();
  with_index.index = index_address_;
  Connect(with_index);
  EXPECT_EQ(RunPeers(*session_), kExitDone);
}

TEST_F(CommandsTest, ASecondIndexIsAskedWhenTheFirstIsAway) {
  ConnectionOptions with_index = options();
  with_index.index = absl::StrCat("127.0.0.1:1, ", index_address_);
  Connect(with_index);
  EXPECT_EQ(RunPeers(*session_), kExitDone);
  EXPECT_EQ(index_.calls(), 1);
  with_index.index = "127.0.0.1:1,127.0.0.1:2";
  Connect(with_index);
  EXPECT_EQ(RunPeers(*session_), kExitUnreachable);
  EXPECT_THAT(err(), HasSubstr("cannot reach the index at 127.0.0.1:2"));
}

TEST_F(CommandsTest, AnIndexThatIsAwayIsUnreachable) {
  StopIndex();
  EXPECT_EQ(RunSearch(*session_, {.words = {"x"}}), kExitUnreachable);
  EXPECT_THAT(err(), HasSubstr("cannot reach the index at " + index_address_));
}

TEST_F(CommandsTest, BadAddressesAreRefused) {
  ConnectionOptions bad = options();
  bad.peer = "127.0.0.1:5";
  EXPECT_FALSE(Connection::Open(bad, &interrupts_).ok());
  bad = options();
  bad.index = "nowhere";
  EXPECT_FALSE(Connection::Open(bad, &interrupts_).ok());
  bad = options();
  bad.tls.ca_file = "/no/such/file";
  EXPECT_FALSE(Connection::Open(bad, &interrupts_).ok());
  bad = options();
  bad.peer = "/run/plain/path.sock";
  const auto plain = Connection::Open(bad, &interrupts_);
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ((*plain)->peer().target(), "unix:/run/plain/path.sock");
}

}  // namespace
}  // namespace arkshare
