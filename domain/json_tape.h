// The values of a JSON text in the order in which they stand, as simdjson lays them out: the quick way
// through a text that is as texts mostly are. The one door to simdjson. A text that is not plain is left to
// JsonScanner, which takes all that JSON allows and says what is wrong with the rest. Each thread has one
// tape: what this gives out is good until the thread reads another text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace billhook {

// A value or a key on the tape, or the end of the object or array around it.
class TapeValue {
 public:
  enum class Kind : std::uint8_t {
    kObject = '{',
    kEndObject = '}',
    kArray = '[',
    kEndArray = ']',
    kString = '"',   // a key too
    kInteger = 'l',  // within int64
    kBeyond = 'u',   // an integer of uint64 beyond int64
    kDouble = 'd',
    kTrue = 't',
    kFalse = 'f',
    kNull = 'n',
  };

  [[nodiscard]] Kind kind() const { return static_cast<Kind>(*at_ >> 56); }
  [[nodiscard]] bool IsEnd() const { return kind() == Kind::kEndObject || kind() == Kind::kEndArray; }
  // What a string or key means, in UTF-8. Eight bytes from any of its bytes on can be read.
  [[nodiscard]] std::string_view text() const {
    const char* string = strings_ + Payload();
    std::uint32_t size;
    std::memcpy(&size, string, sizeof size);
    return {string + sizeof size, size};
  }
  // -0 is 0.
  [[nodiscard]] std::int64_t integer() const { return static_cast<std::int64_t>(at_[1]); }
  // The nearest to what is written, which is 0 also for what is nearer to it than any double.
  [[nodiscard]] double number() const {
    double value;
    std::memcpy(&value, at_ + 1, sizeof value);
    return value;
  }

  // The first key of an object or element of an array, or its end.
  [[nodiscard]] TapeValue Inside() const { return {at_ + 1, start_, strings_}; }
  // What stands after it and all that is in it: the value of a key, the next key or element, or the end.
  [[nodiscard]] TapeValue Next() const {
    switch (kind()) {
      case Kind::kObject:
      case Kind::kArray:
        return {start_ + (*at_ & 0xffffffff), start_, strings_};
      case Kind::kInteger:
      case Kind::kBeyond:
      case Kind::kDouble:
        return {at_ + 2, start_, strings_};
      default:
        return {at_ + 1, start_, strings_};
    }
  }

 private:
  friend class JsonTape;
  TapeValue(const std::uint64_t* at, const std::uint64_t* start, const char* strings)
      : at_(at), start_(start), strings_(strings) {}
  [[nodiscard]] std::uint64_t Payload() const { return *at_ & 0x00ffffffffffffff; }

  const std::uint64_t* at_;
  const std::uint64_t* start_;
  const char* strings_;
};

class JsonTape {
 public:
  // Greater texts are not plain, so that a thread keeps no more than 1 MiB.
  static constexpr std::size_t kMaxTextBytes = 64 << 10;
  // The outermost value is at depth 1. Deeper texts are not plain.
  static constexpr std::size_t kMaxDepth = 64;

  // Nothing unless the text is a JSON object (RFC 8259, in UTF-8) without blanks before it, plain in size,
  // depth and numbers (within uint64 or a double), and no escape in it stands for half of a surrogate pair.
  static std::optional<JsonTape> Of(std::string_view text);

  [[nodiscard]] TapeValue root() const { return root_; }
  // How many words the tape has: twice as many as keys, at least.
  [[nodiscard]] std::size_t size() const { return size_; }
  // Whether an escape stands for NUL somewhere.
  [[nodiscard]] bool has_nul() const { return has_nul_; }

 private:
  JsonTape(TapeValue root, std::size_t size, bool has_nul) : root_(root), size_(size), has_nul_(has_nul) {}

  TapeValue root_;
  std::size_t size_;
  bool has_nul_;
};

}  // namespace billhook
