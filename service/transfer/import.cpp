#include "service/transfer/import.h"

#include <vector>

#include "service/transfer/event_line.h"

namespace billhook::transfer {
namespace {

constexpr std::size_t kMaxRun = 1'000;
constexpr std::size_t kMaxRunBytes = 8 << 20;
// Twice the largest body that billhook can be told to take, with room for the other members.
constexpr std::size_t kMaxLineBytes = 160 << 20;

enum class LineRead { kLine, kEnd, kTooLong };

LineRead ReadLine(std::istream& in, std::string& line) {
  line.clear();
  char chunk[1 << 16];
  while (line.size() <= kMaxLineBytes) {
    in.getline(chunk, sizeof chunk);  // stops with failbit when the chunk is full
    const auto got = static_cast<std::size_t>(in.gcount());
    if (in.bad()) throw StorageError("the file cannot be read to its end", true);
    if (in.eof()) {
      line.append(chunk, got);
      return line.empty() ? LineRead::kEnd : LineRead::kLine;
    }
    if (!in.fail()) {
      line.append(chunk, got - 1);  // the line's end is counted
      return LineRead::kLine;
    }
    line.append(chunk, got);
    in.clear();
  }
  return LineRead::kTooLong;
}

class Importer {
 public:
  explicit Importer(storage::EventLog& log) : log_(log), head_(log.Head()) {}

  // False once it is refused.
  bool Take(const std::string& line) {
    ++lines_;
    Result<RecordedEvent, std::string> told = ReadEventLine(line);
    if (!told) return Flush() && Refuse(lines_, told.error());
    if (told->position != lines_)
      return Flush() && Refuse(lines_, "it tells position " + std::to_string(told->position));
    if (lines_ <= head_.position) return Compare(*told);
    bytes_ += told->event.payload.size();
    run_.push_back(*std::move(told));
    return (run_.size() < kMaxRun && bytes_ < kMaxRunBytes) || Flush();
  }

  bool TooLong() { return Flush() && Refuse(lines_ + 1, "it is longer than any event's line"); }

  bool Finish() {
    if (!Flush()) return false;
    if (lines_ >= head_.position) return true;
    report_.refusal = "the log holds " + std::to_string(head_.position) + " events and the file only " +
                      std::to_string(lines_) + ": import goes into an empty log, or goes on with its own";
    return false;
  }

  [[nodiscard]] std::int64_t lines() const { return lines_; }
  [[nodiscard]] const ImportReport& report() const { return report_; }

 private:
  // The log has this one: its checksum, which covers all before it, must be the file's.
  bool Compare(const RecordedEvent& told) {
    previous_ = ChainDigest(previous_, told);
    if (previous_ != told.checksum)
      return Refuse(lines_, "its checksum does not fit its content and the event before it");
    ++report_.known;
    if (lines_ < head_.position || told.checksum == head_.checksum) return true;
    report_.refusal = "the log's " + std::to_string(head_.position) +
                      " events are not the first of this file: import goes into an empty log, or goes on "
                      "with its own";
    return false;
  }

  bool Flush() {
    if (run_.empty()) return true;
    const std::optional<storage::RestoreRefusal> refusal = log_.Restore(run_);
    report_.imported +=
        refusal ? refusal->position - run_.front().position : static_cast<std::int64_t>(run_.size());
    run_.clear();
    bytes_ = 0;
    return !refusal || Refuse(refusal->position, refusal->what);
  }

  bool Refuse(std::int64_t line, const std::string& what) {
    report_.refusal = "line " + std::to_string(line) + " is refused: " + what;
    return false;
  }

  storage::EventLog& log_;
  storage::LogHead head_;
  Digest previous_ = kGenesis;
  std::int64_t lines_ = 0;
  std::vector<RecordedEvent> run_;
  std::size_t bytes_ = 0;
  ImportReport report_;
};

}  // namespace

ImportReport Import(std::istream& in, storage::EventLog& log,
                    const std::function<void(std::int64_t, std::int64_t)>& progress) {
  Importer importer(log);
  std::string line;
  std::int64_t bytes = 0;
  while (true) {
    const LineRead read = ReadLine(in, line);
    if (read == LineRead::kEnd) {
      importer.Finish();
      return importer.report();
    }
    const bool taken = read == LineRead::kTooLong ? importer.TooLong() : importer.Take(line);
    if (!taken) return importer.report();
    bytes += static_cast<std::int64_t>(line.size()) + 1;
    progress(importer.lines(), bytes);
  }
}

}  // namespace billhook::transfer
