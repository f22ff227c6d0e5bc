-- A strict JSON reader (RFC 8259) for request bodies and gRPC statuses, and the writer of strings.
--
-- Values: strings, numbers and booleans are Lua's own; null is NULL; an array is {kind = "array",
-- items}; an object is {kind = "object", keys, values} in the order of the text, repeated keys
-- included, since whoever reads it must be able to refuse them. Depth and length are bounded.

local NULL = {kind = "null"}
local MAX_DEPTH = 16
local REPLACEMENT = "\239\191\189" -- U+FFFD
local QUOTE, PLUS, COMMA, MINUS, DOT, ZERO, COLON, BACKSLASH = string.byte('"+,-.0:\\', 1, 8)
local OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE = string.byte("[]{}", 1, 4)
-- Compares bytes, not patterns, where every character passes: LuaJIT compiles that.
local byte = string.byte

local function malformed(position, reason)
  error({code = "INVALID_JSON", detail = reason .. " at byte " .. position}, 0)
end

-- Length of the well-formed UTF-8 sequence at `i`, or nil (Unicode 15, table 3-7).
local function utf8_length(text, i)
  local a, b, c, d = string.byte(text, i, i + 3)
  local function tail(byte, low, high)
    return byte ~= nil and byte >= (low or 0x80) and byte <= (high or 0xBF)
  end
  if a < 0x80 then return 1 end
  if a >= 0xC2 and a <= 0xDF then return tail(b) and 2 or nil end
  if a >= 0xE0 and a <= 0xEF then
    local low, high = a == 0xE0 and 0xA0 or nil, a == 0xED and 0x9F or nil
    return tail(b, low, high) and tail(c) and 3 or nil
  end
  if a >= 0xF0 and a <= 0xF4 then
    local low, high = a == 0xF0 and 0x90 or nil, a == 0xF4 and 0x8F or nil
    return tail(b, low, high) and tail(c) and tail(d) and 4 or nil
  end
  return nil
end

-- Position of the first byte that is not UTF-8, or nil.
local function first_bad_utf8(text)
  local i = string.find(text, "[\128-\255]")
  while i do
    local length = utf8_length(text, i)
    if not length then return i end
    i = string.find(text, "[\128-\255]", i + length)
  end
  return nil
end

local function utf8_encode(point)
  local floor = math.floor
  if point < 0x80 then return string.char(point) end
  if point < 0x800 then return string.char(0xC0 + floor(point / 64), 0x80 + point % 64) end
  if point < 0x10000 then
    return string.char(0xE0 + floor(point / 4096), 0x80 + floor(point / 64) % 64, 0x80 + point % 64)
  end
  return string.char(
    0xF0 + floor(point / 262144), 0x80 + floor(point / 4096) % 64,
    0x80 + floor(point / 64) % 64, 0x80 + point % 64)
end

local ESCAPES = {
  ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t",
}

-- Reads the four hex digits at `i`.
local function hex4(text, i)
  local digits = string.match(text, "^%x%x%x%x", i)
  if not digits then malformed(i, "a \\u escape needs four hexadecimal digits") end
  return tonumber(digits, 16)
end

-- Reads the \u escape whose digits begin at `i`; returns its bytes and the next position.
local function unicode_escape(text, i)
  local high = hex4(text, i)
  if high < 0xD800 or high > 0xDFFF then return utf8_encode(high), i + 4 end
  if high > 0xDBFF or string.sub(text, i + 4, i + 5) ~= "\\u" then malformed(i, "a lone surrogate") end
  local low = hex4(text, i + 6)
  if low < 0xDC00 or low > 0xDFFF then malformed(i, "a lone surrogate") end
  return utf8_encode(0x10000 + (high - 0xD800) * 1024 + (low - 0xDC00)), i + 10
end

-- Position of the first quote, backslash or control character from `i`.
local function string_stop(text, i, start)
  local c = byte(text, i)
  while c and c ~= QUOTE and c ~= BACKSLASH and c >= 32 do
    i = i + 1
    c = byte(text, i)
  end
  if not c then malformed(start - 1, "a string without its closing quote, beginning") end
  if c < 32 then malformed(i, "an unescaped control character in a string") end
  return i, c
end

-- Reads the string whose first character is at `i`; returns it and the position after its quote.
local function read_string(text, i)
  local start = i
  local stop, found = string_stop(text, i, start)
  if found == QUOTE then return string.sub(text, i, stop - 1), stop + 1 end
  local parts = {}
  while found == BACKSLASH do
    parts[#parts + 1] = string.sub(text, i, stop - 1)
    local letter = string.sub(text, stop + 1, stop + 1)
    if letter == "u" then
      parts[#parts + 1], i = unicode_escape(text, stop + 2)
    elseif ESCAPES[letter] then
      parts[#parts + 1], i = ESCAPES[letter], stop + 2
    else
      malformed(stop, "an unknown escape")
    end
    stop, found = string_stop(text, i, start)
  end
  parts[#parts + 1] = string.sub(text, i, stop - 1)
  return table.concat(parts), stop + 1
end

-- Position after the digits that begin at `i`.
local function skip_digits(text, i)
  local c = byte(text, i)
  while c and c >= 48 and c <= 57 do
    i = i + 1
    c = byte(text, i)
  end
  return i
end

-- Position after the digits at `i`, of which there must be one.
local function some_digits(text, i)
  local stop = skip_digits(text, i)
  if stop == i then malformed(i, "expected a digit") end
  return stop
end

-- Reads the number at `i`; Lua's tonumber alone would also take hexadecimal and more.
local function read_number(text, i)
  local start = i
  if byte(text, i) == MINUS then i = i + 1 end
  if byte(text, i) == ZERO then i = i + 1 else i = some_digits(text, i) end
  if byte(text, i) == DOT then i = some_digits(text, i + 1) end
  local c = byte(text, i)
  if c == 101 or c == 69 then -- e or E
    c = byte(text, i + 1)
    i = some_digits(text, (c == PLUS or c == MINUS) and i + 2 or i + 1)
  end
  return tonumber(string.sub(text, start, i - 1)), i
end

local function skip_space(text, i)
  local c = byte(text, i)
  while c == 32 or c == 10 or c == 13 or c == 9 do
    i = i + 1
    c = byte(text, i)
  end
  return i
end

local read_value

local function read_array(text, i, depth)
  local items, count = {}, 0
  i = skip_space(text, i)
  if byte(text, i) == CLOSE_BRACKET then return {kind = "array", items = items}, i + 1 end
  while true do
    count = count + 1
    items[count], i = read_value(text, i, depth + 1)
    i = skip_space(text, i)
    local mark = byte(text, i)
    if mark == CLOSE_BRACKET then return {kind = "array", items = items}, i + 1 end
    if mark ~= COMMA then malformed(i, "expected ',' or ']'") end
    i = skip_space(text, i + 1)
  end
end

local function read_object(text, i, depth)
  local keys, values, count = {}, {}, 0
  i = skip_space(text, i)
  if byte(text, i) == CLOSE_BRACE then return {kind = "object", keys = keys, values = values}, i + 1 end
  while true do
    if byte(text, i) ~= QUOTE then malformed(i, "expected a member name in quotes") end
    count = count + 1
    keys[count], i = read_string(text, i + 1)
    i = skip_space(text, i)
    if byte(text, i) ~= COLON then malformed(i, "expected ':'") end
    values[count], i = read_value(text, skip_space(text, i + 1), depth + 1)
    i = skip_space(text, i)
    local mark = byte(text, i)
    if mark == CLOSE_BRACE then return {kind = "object", keys = keys, values = values}, i + 1 end
    if mark ~= COMMA then malformed(i, "expected ',' or '}'") end
    i = skip_space(text, i + 1)
  end
end

local WORDS = {[116] = {"true", true}, [102] = {"false", false}, [110] = {"null", NULL}}

function read_value(text, i, depth)
  if depth > MAX_DEPTH then
    error({code = "JSON_TOO_DEEP", detail = "The body nests deeper than " .. MAX_DEPTH .. " levels."}, 0)
  end
  local first = byte(text, i)
  if not first then malformed(i, "the text ends too early") end
  if first == QUOTE then return read_string(text, i + 1) end
  if first == OPEN_BRACE then return read_object(text, i + 1, depth) end
  if first == OPEN_BRACKET then return read_array(text, i + 1, depth) end
  if first == MINUS or (first >= 48 and first <= 57) then return read_number(text, i) end
  local word = WORDS[first]
  if word and string.sub(text, i, i + #word[1] - 1) == word[1] then return word[2], i + #word[1] end
  return malformed(i, "an unexpected character")
end

-- Decodes a whole text; raises {code, detail} when it is no JSON.
local function json_decode(text)
  local bad = first_bad_utf8(text)
  if bad then malformed(bad, "the text is not UTF-8") end
  local value, i = read_value(text, skip_space(text, 1), 1)
  i = skip_space(text, i)
  if i <= #text then malformed(i, "something follows the value") end
  return value
end

-- First value of a key of an object, or nil.
local function member(object, key)
  if type(object) ~= "table" or object.kind ~= "object" then return nil end
  for i, name in ipairs(object.keys) do
    if name == key then return object.values[i] end
  end
  return nil
end

local SHORT_ESCAPES = {['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t"}

local function escape_character(c)
  return SHORT_ESCAPES[c] or string.format("\\u%04x", string.byte(c))
end

-- Writes a JSON string; bytes that are not UTF-8 become U+FFFD.
local function json_quote(text)
  local bad = first_bad_utf8(text)
  while bad do
    text = string.sub(text, 1, bad - 1) .. REPLACEMENT .. string.sub(text, bad + 1)
    bad = first_bad_utf8(text)
  end
  return '"' .. string.gsub(text, '[%z\1-\31"\\\127]', escape_character) .. '"'
end
