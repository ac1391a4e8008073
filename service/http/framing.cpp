#include "service/http/framing.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "domain/check.h"

namespace billhook::http {
namespace {

constexpr int kMaxLeadingEmptyLines = 2;
// A method, two blanks and "HTTP/1.1" beside the target; longer methods are counted as a too long line.
constexpr std::size_t kRequestLineBesidesTarget = 64;
constexpr std::size_t kMaxChunkSizeLine = 1024;  // with its extensions
// A body grows with what arrives; an announced length alone reserves no more than this.
constexpr std::size_t kMaxReserved = 16 * 1024;

enum CharacterClass : unsigned char { kTokenCharacter = 1, kHostCharacter = 2, kControl = 4 };

constexpr std::array<unsigned char, 256> MakeClasses() {
  std::array<unsigned char, 256> classes{};
  for (int c = 0; c < 256; ++c) {
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    unsigned char value = 0;
    if (alphanumeric) value = kTokenCharacter | kHostCharacter;
    if ((c < 0x20 && c != '\t') || c == 0x7f) value = kControl;
    classes[static_cast<std::size_t>(c)] = value;
  }
  for (char c : std::string_view("!#$%&'*+-.^_`|~"))
    classes[static_cast<unsigned char>(c)] |= kTokenCharacter;
  for (char c : std::string_view("!$%&'()*+-._~:;=[]"))
    classes[static_cast<unsigned char>(c)] |= kHostCharacter;
  return classes;
}

constexpr std::array<unsigned char, 256> kClasses = MakeClasses();

bool AllOf(std::string_view text, CharacterClass wanted) {
  return std::all_of(text.begin(), text.end(),
                     [wanted](char c) { return (kClasses[static_cast<unsigned char>(c)] & wanted) != 0; });
}

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return (kClasses[static_cast<unsigned char>(c)] & kControl) != 0; });
}

bool IsToken(std::string_view text) {
  return !text.empty() && AllOf(text, kTokenCharacter);
}

bool IsBlank(char c) {
  return c == ' ' || c == '\t';
}

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

// Digits alone: no sign, blank, list or overflow.
std::optional<std::size_t> ParseSize(std::string_view text, int base) {
  std::size_t size = 0;
  if (text.empty() || text.front() == '-') return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return size;
}

// Whether a comma separated header value, such as Connection's, has that member.
bool ListHas(std::string_view list, std::string_view member) {
  while (true) {
    const std::size_t comma = list.find(',');
    if (EqualIgnoringCase(Trim(list.substr(0, comma)), member)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

bool StartsWithIgnoringCase(std::string_view text, std::string_view prefix) {
  return EqualIgnoringCase(text.substr(0, prefix.size()), prefix);
}

}  // namespace

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

std::size_t RequestFramer::Feed(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && state() == State::kNeedsMore) {
    const std::string_view rest = bytes.substr(taken);
    const bool in_body = part_ == Part::kBody || part_ == Part::kChunk;
    taken += in_body ? FeedBody(rest) : FeedLine(rest);
  }
  return taken;
}

RequestFramer::State RequestFramer::state() const {
  if (part_ == Part::kComplete) return State::kComplete;
  return part_ == Part::kFault ? State::kFault : State::kNeedsMore;
}

bool RequestFramer::TakeExpectation() {
  return state() == State::kNeedsMore && (part_ == Part::kBody || part_ == Part::kChunkSize) &&
         std::exchange(expects_continue_, false);
}

std::size_t RequestFramer::held_bytes() const {
  return head_bytes_ + line_.capacity() + request_.body.capacity();
}

Request RequestFramer::Take() {
  Request request = std::move(request_);
  *this = RequestFramer(*limits_);
  return request;
}

std::size_t RequestFramer::FeedLine(std::string_view bytes) {
  const std::size_t newline = bytes.find('\n');
  const bool ends = newline != std::string_view::npos;
  const std::string_view piece = bytes.substr(0, newline);
  const std::size_t taken = piece.size() + (ends ? 1 : 0);
  if (!JudgePiece(piece)) return taken;
  // What a chunked body needs for its framing is not charged to the head, only what it adds beyond need
  // (below).
  if (part_ != Part::kChunkSize && part_ != Part::kChunkEnd) head_bytes_ += taken;
  if (!ends) {
    line_.append(piece);
    return taken;
  }
  std::string whole;
  std::string_view line = piece;
  if (!line_.empty()) {
    whole = std::move(line_);
    line_.clear();
    line = whole.append(piece);
  }
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
    OnLine(line);
  } else {
    Fail(Fault::kMalformed);
  }
  return taken;
}

// How many more bytes the line may have before its line feed, and what it is when there are more.
RequestFramer::Room RequestFramer::RoomOnLine() const {
  const auto left = [](std::size_t limit, std::size_t used) { return limit - std::min(limit, used); };
  if (part_ == Part::kChunkEnd) return {left(1, line_.size()), Fault::kMalformed};
  if (part_ == Part::kChunkSize) return {left(kMaxChunkSizeLine + 1, line_.size()), Fault::kMalformed};
  const Room head = {left(limits_->max_header_bytes, head_bytes_), Fault::kHeadersTooLarge};
  if (part_ != Part::kRequestLine) return head;
  const Room line = {left(limits_->max_uri_bytes + kRequestLineBesidesTarget + 1, line_.size()),
                     Fault::kUriTooLong};
  return line.bytes <= head.bytes ? line : head;
}

// Refuses a line before its end has come where it is plain that no end can make it good, so that no peer
// makes the framer collect without bound and one that does not speak HTTP learns so at once. The first bad
// byte decides, so the fault is the same however the bytes are cut. Looks at each byte once.
bool RequestFramer::JudgePiece(std::string_view piece) {
  const Room room = RoomOnLine();
  std::string_view within = piece.substr(0, room.bytes);
  const bool bare_return = line_.ends_with('\r') && !within.empty();
  if (within.ends_with('\r')) within.remove_suffix(1);
  const bool behind_chunk = part_ == Part::kChunkEnd && !within.empty();
  if (bare_return || behind_chunk || HasControl(within)) {
    Fail(Fault::kMalformed);
  } else if (piece.size() > room.bytes) {
    Fail(room.beyond);
  }
  return part_ != Part::kFault;
}

void RequestFramer::OnLine(std::string_view line) {
  const bool too_much = head_bytes_ > limits_->max_header_bytes;
  if (too_much && part_ != Part::kRequestLine) return Fail(Fault::kHeadersTooLarge);
  switch (part_) {
    case Part::kRequestLine:
      if (!line.empty()) return OnRequestLine(line);
      if (++empty_lines_ > kMaxLeadingEmptyLines) Fail(Fault::kMalformed);
      return;
    case Part::kHeaders:
      return line.empty() ? OnHeadersEnd() : OnHeader(line, true);
    case Part::kChunkSize:
      return OnChunkSize(line);
    case Part::kChunkEnd:
      if (!line.empty()) return Fail(Fault::kMalformed);
      part_ = Part::kChunkSize;
      return;
    case Part::kTrailers:
      if (!line.empty()) return OnHeader(line, false);
      part_ = Part::kComplete;
      return;
    case Part::kBody:
    case Part::kChunk:
    case Part::kComplete:
    case Part::kFault:
      break;
  }
  BILLHOOK_CHECK(false);
}

void RequestFramer::OnRequestLine(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return Fail(Fault::kMalformed);
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);

  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!IsToken(method)) return Fail(Fault::kMalformed);
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) || version[6] != '.' ||
      !is_digit(version[7])) {
    return Fail(Fault::kMalformed);
  }
  request_.method = method;
  if (target.size() > limits_->max_uri_bytes) return Fail(Fault::kUriTooLong);
  if (head_bytes_ > limits_->max_header_bytes) return Fail(Fault::kHeadersTooLarge);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return Fail(Fault::kVersionNotSupported);
  if (!SplitTarget(target)) return Fail(Fault::kMalformed);
  minor_version_ = version.back() - '0';
  part_ = Part::kHeaders;
}

// RFC 9112 section 3.2: a path; or a whole URI, of which a server must take the path; or "*" for OPTIONS.
bool RequestFramer::SplitTarget(std::string_view target) {
  const auto visible = [](char c) { return c > 0x20 && c < 0x7f && c != '#'; };
  if (target.empty() || !std::all_of(target.begin(), target.end(), visible)) return false;
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!StartsWithIgnoringCase(target, scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t authority_end = std::min(target.find_first_of("/?"), target.size());
    if (authority_end == 0) return false;
    target.remove_prefix(authority_end);
    if (!target.starts_with('/')) request_.path = "/";
    break;
  }
  const bool is_path = target.starts_with('/') || !request_.path.empty();
  if (!is_path && !(target == "*" && request_.method == "OPTIONS")) return false;
  const std::size_t question = target.find('?');
  request_.path.append(target.substr(0, question));
  if (question != std::string_view::npos) request_.raw_query = target.substr(question + 1);
  return true;
}

void RequestFramer::OnHeader(std::string_view line, bool keep) {
  if (++header_count_ > limits_->max_header_count) return Fail(Fault::kHeadersTooLarge);
  const std::size_t colon = line.find(':');
  // A folded line (one that opens with a blank) and a blank before the colon fail here: neither makes a
  // token.
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) return Fail(Fault::kMalformed);
  if (keep) request_.headers.emplace_back(line.substr(0, colon), Trim(line.substr(colon + 1)));
}

void RequestFramer::OnHeadersEnd() {
  std::size_t hosts = 0;
  std::optional<std::string_view> length;
  std::optional<std::string_view> coding;
  bool close = false;
  bool keep = false;
  for (const auto& [name, value] : request_.headers) {
    if (EqualIgnoringCase(name, "Host")) {
      if (++hosts > 1 || !AllOf(value, kHostCharacter)) return Fail(Fault::kMalformed);
    } else if (EqualIgnoringCase(name, "Content-Length")) {
      if (length) return Fail(Fault::kMalformed);
      length = value;
    } else if (EqualIgnoringCase(name, "Transfer-Encoding")) {
      if (coding) return Fail(Fault::kMalformed);
      coding = value;
    } else if (EqualIgnoringCase(name, "Connection")) {
      close |= ListHas(value, "close");
      keep |= ListHas(value, "keep-alive");
    } else if (EqualIgnoringCase(name, "Expect")) {
      expects_continue_ |= EqualIgnoringCase(value, "100-continue");
    }
  }
  keep_alive_ = !close && (keep || minor_version_ == 1);
  if (minor_version_ == 0) {
    // RFC 9112 section 6.1: a coding in a version that has none means that the sender's framing cannot be
    // trusted.
    if (coding) return Fail(Fault::kMalformed);
    expects_continue_ = false;
  } else if (hosts == 0) {
    return Fail(Fault::kMalformed);
  }

  if (coding) {
    if (length || !EqualIgnoringCase(*coding, "chunked")) return Fail(Fault::kMalformed);
    part_ = Part::kChunkSize;
    return;
  }
  const std::optional<std::size_t> body_bytes = length ? ParseSize(*length, 10) : 0;
  if (!body_bytes) return Fail(Fault::kMalformed);
  if (*body_bytes > limits_->max_body_bytes) return Fail(Fault::kBodyTooLarge);
  body_left_ = *body_bytes;
  request_.body.reserve(std::min(body_left_, kMaxReserved));
  part_ = body_left_ == 0 ? Part::kComplete : Part::kBody;
}

std::size_t RequestFramer::FeedBody(std::string_view bytes) {
  const std::size_t taken = std::min(bytes.size(), body_left_);
  std::string& body = request_.body;
  // Twice as much room each time, but no more than is announced, if it is: a string that grows takes no such
  // word.
  if (part_ == Part::kBody && body.size() + taken > body.capacity()) {
    std::string larger;
    larger.reserve(std::min(std::max(2 * body.capacity(), body.size() + taken), body.size() + body_left_));
    larger.append(body);
    body = std::move(larger);
  }
  body.append(bytes.substr(0, taken));
  expects_continue_ = false;  // it did not wait
  body_left_ -= taken;
  if (body_left_ == 0) part_ = part_ == Part::kBody ? Part::kComplete : Part::kChunkEnd;
  return taken;
}

void RequestFramer::OnChunkSize(std::string_view line) {
  expects_continue_ = false;
  const std::size_t digits = std::min(line.find_first_of("; \t"), line.size());
  const std::string_view extension = line.substr(digits);
  // Blanks are borne only as the "bad whitespace" before an extension that section 7.1.1 asks recipients to
  // bear.
  if (!extension.empty() && !Trim(extension).starts_with(';')) return Fail(Fault::kMalformed);
  head_bytes_ += extension.size();
  if (head_bytes_ > limits_->max_header_bytes) return Fail(Fault::kHeadersTooLarge);

  const std::optional<std::size_t> size = ParseSize(line.substr(0, digits), 16);
  if (!size) return Fail(Fault::kMalformed);
  if (*size > limits_->max_body_bytes - request_.body.size()) return Fail(Fault::kBodyTooLarge);
  body_left_ = *size;
  part_ = body_left_ == 0 ? Part::kTrailers : Part::kChunk;
}

void RequestFramer::Fail(Fault fault) {
  fault_ = fault;
  part_ = Part::kFault;
  line_.clear();
}

}  // namespace billhook::http
