-- What a request may say: its path and verb, its query, the fields of its body.
--
-- SURFACE is generated from the descriptors (gateway/surface/door.py). The transcoder after this
-- filter drops unknown body fields in silence; this is the place that looks.

local MAX_ERRORS = 16
local MAX_QUERY = 64

-- Fields of each message by either name a caller may use: snake_case or lowerCamelCase.
local FIELDS = {}
for name, fields in pairs(SURFACE.messages) do
  FIELDS[name] = {}
  for _, field in ipairs(fields) do
    FIELDS[name][field.name] = field
    FIELDS[name][field.json] = field
  end
end

local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal
    diagonal, row[0] = row[0], i
    for j = 1, #b do
      local cost = string.byte(a, i) == string.byte(b, j) and 0 or 1
      diagonal, row[j] = row[j], math.min(row[j] + 1, row[j - 1] + 1, diagonal + cost)
    end
  end
  return row[#b]
end

-- "Did you mean ...?" for a name near one of `names`; otherwise what is allowed.
local function suggest(given, names)
  local best, least = nil, math.max(1, math.min(3, math.floor(#given / 3))) + 1
  if #given <= 64 then
    for _, name in ipairs(names) do
      local d = distance(string.lower(given), string.lower(name))
      if d < least then best, least = name, d end
    end
  end
  if best then return "Did you mean " .. best .. "?" end
  if #names == 0 then return "Leave it out." end
  return "Allowed: " .. table.concat(names, ", ") .. "."
end

local function names_of(fields)
  local names = {}
  for _, field in ipairs(fields) do names[#names + 1] = field.name end
  return names
end

-- What was found, and where in the body the check stands: names and, for lists, zero-based indices.
local function new_report()
  return {errors = {}, path = {}, depth = 0}
end

local function enter(report, step)
  report.depth = report.depth + 1
  report.path[report.depth] = step
end

local function leave(report)
  report.depth = report.depth - 1
end

-- The place where the check stands, for example "pairs[0].reference".
local function place_of(report)
  local parts = {}
  for i = 1, report.depth do
    local step = report.path[i]
    parts[i] = type(step) == "number" and "[" .. step .. "]" or (i > 1 and "." or "") .. step
  end
  return table.concat(parts)
end

local function full(report)
  return #report.errors >= MAX_ERRORS
end

local function add(report, code, message, fix)
  if full(report) then return end
  local field = string.sub(place_of(report), 1, 200)
  table.insert(report.errors, {code = code, field = field, message = message, fix = fix})
end

local function wrong(report, expected)
  add(report, "INVALID_FIELD", "must be " .. expected, "Send " .. expected .. ".")
end

local INTEGERS = {
  int32 = {-2147483648, 2147483647}, uint32 = {0, 4294967295},
  int64 = {-9223372036854775808, 9223372036854775807}, uint64 = {0, 18446744073709551615},
}

-- A number, or a decimal number in a string; nil when it is neither or not finite.
local function number_of(value)
  if type(value) == "string" then
    if not string.match(value, "^-?%d+%.?%d*[eE]?[+-]?%d*$") then return nil end
    value = tonumber(value)
  end
  if type(value) ~= "number" or value ~= value or value == math.huge or value == -math.huge then return nil end
  return value
end

local function is_timestamp(value)
  return type(value) == "string"
    and (string.match(value, "^%d%d%d%d%-%d%d%-%d%d[Tt]%d%d:%d%d:%d%d[Zz]$")
      or string.match(value, "^%d%d%d%d%-%d%d%-%d%d[Tt]%d%d:%d%d:%d%d%.%d+[Zz]$")
      or string.match(value, "^%d%d%d%d%-%d%d%-%d%d[Tt]%d%d:%d%d:%d%d[+-]%d%d:%d%d$")
      or string.match(value, "^%d%d%d%d%-%d%d%-%d%d[Tt]%d%d:%d%d:%d%d%.%d+[+-]%d%d:%d%d$"))
end

local function is_duration(value)
  return type(value) == "string" and (string.match(value, "^-?%d+s$") or string.match(value, "^-?%d+%.%d+s$"))
end

local function check_enum(report, value, name)
  if type(value) == "number" and value % 1 == 0 then return end
  local names = SURFACE.enums[name]
  for _, known in ipairs(names) do
    if value == known then return end
  end
  local fix = suggest(type(value) == "string" and value or "", names)
  add(report, "INVALID_FIELD", "must be one of the names of the enumeration", fix)
end

-- Checks a value that is no message. Texts of a query are checked by the same rules.
local function check_scalar(report, value, kind)
  local range = INTEGERS[kind]
  if range then
    local n = number_of(value)
    if not n or n % 1 ~= 0 or n < range[1] or n > range[2] then wrong(report, "a whole number (" .. kind .. ")") end
  elseif kind == "double" then
    if not number_of(value) then wrong(report, "a finite number") end
  elseif kind == "bool" then
    if type(value) ~= "boolean" then wrong(report, "true or false") end
  elseif kind == "timestamp" then
    if not is_timestamp(value) then wrong(report, "an RFC 3339 time such as 2026-01-31T12:00:00Z") end
  elseif kind == "duration" then
    if not is_duration(value) then wrong(report, "seconds such as 30s") end
  elseif type(value) ~= "string" then
    wrong(report, "a string")
  end
end

local check_message

local function check_value(report, value, field)
  if field.message then
    check_message(report, value, field.message)
  elseif field.enum then
    check_enum(report, value, field.enum)
  else
    check_scalar(report, value, field.kind)
  end
end

local function check_map(report, value, field)
  if type(value) ~= "table" or value.kind ~= "object" then return wrong(report, "an object") end
  local seen = {}
  for i, key in ipairs(value.keys) do
    enter(report, key)
    if seen[key] then add(report, "DUPLICATE_FIELD", "is given twice", "Give it once.") end
    seen[key] = true
    check_value(report, value.values[i], field)
    leave(report)
  end
end

local function check_list(report, value, field)
  if type(value) ~= "table" or value.kind ~= "array" then return wrong(report, "an array") end
  for i, item in ipairs(value.items) do
    if full(report) then return end
    enter(report, i - 1)
    check_value(report, item, field)
    leave(report)
  end
end

-- Checks a field that the message has; `chosen` holds the member taken of each oneof.
local function check_field(report, value, field, chosen)
  if value == NULL then return end -- null means absent (protobuf's JSON mapping)
  local other = field.oneof and chosen[field.oneof]
  if other then add(report, "CONFLICTING_FIELDS", "excludes " .. other, "Give one of them.") end
  if field.oneof then chosen[field.oneof] = field.name end
  if field.map then
    check_map(report, value, field)
  elseif field.list then
    check_list(report, value, field)
  else
    check_value(report, value, field)
  end
end

function check_message(report, value, name)
  if type(value) ~= "table" or value.kind ~= "object" then return wrong(report, "an object") end
  local seen, chosen, fields = {}, {}, FIELDS[name]
  for i, key in ipairs(value.keys) do
    if full(report) then return end
    local field = fields[key]
    enter(report, field and field.name or key)
    if not field then
      add(report, "UNKNOWN_FIELD", "is not known here", suggest(key, names_of(SURFACE.messages[name])))
    elseif seen[field.name] then
      add(report, "DUPLICATE_FIELD", "is given twice", "Give it once.")
    else
      seen[field.name] = true
      check_field(report, value.values[i], field, chosen)
    end
    leave(report)
  end
end

-- Turns what was found into a problem; the first finding gives the code.
local function refusal(report)
  local errors = report.errors
  local first = errors[1]
  if not first then return nil end
  local detail = "The field " .. first.field .. " " .. first.message .. "."
  if first.code == "UNKNOWN_QUERY_PARAMETER" then
    detail = "The query parameter " .. first.field .. " " .. first.message .. "."
  end
  return {status = 400, code = first.code, detail = detail, field = first.field, fix = first.fix, errors = errors}
end

local function check_json(body, route)
  local ok, value = pcall(json_decode, body)
  if not ok then
    if type(value) ~= "table" then error(value, 0) end
    local fix = "Send one JSON object in UTF-8."
    return {status = 400, code = value.code, detail = "The body is refused: " .. value.detail, fix = fix}
  end
  if type(value) ~= "table" or value.kind ~= "object" then
    return {status = 400, code = "INVALID_JSON", detail = "The body must be a JSON object.", fix = "Send {...}."}
  end
  local report = new_report()
  check_message(report, value, route.message)
  for _, name in ipairs(value.keys) do
    local field = FIELDS[route.message][name]
    if field and route.bound[field.name] then
      enter(report, field.name)
      add(report, "CONFLICTING_FIELDS", "is in the path already", "Leave it out of the body.")
      leave(report)
    end
  end
  return refusal(report)
end

local function unescape(text)
  return (string.gsub(string.gsub(text, "+", " "), "%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- A query parameter's text as the value that check_scalar and check_enum expect.
local function query_value(text, field)
  if field.kind == "bool" and (text == "true" or text == "false") then return text == "true" end
  if field.enum and string.match(text, "^%d+$") then return tonumber(text) end
  return text
end

local function check_query(query, route)
  local report, seen, count = new_report(), {}, 0
  for pair in string.gmatch(query, "[^&]+") do
    count = count + 1
    if count > MAX_QUERY then break end
    local name, text = string.match(pair, "^([^=]*)=?(.*)$")
    name = unescape(name)
    local field = route.query[name] and FIELDS[route.message][name]
    enter(report, field and field.name or name)
    if not field then
      local fix = route.body ~= "" and "Put it into the body." or suggest(name, route.query_names)
      add(report, "UNKNOWN_QUERY_PARAMETER", "is not known here", fix)
    elseif seen[field.name] and not field.list then
      add(report, "DUPLICATE_FIELD", "is given twice", "Give it once.")
    else
      seen[field.name] = true
      check_value(report, query_value(unescape(text), field), field)
    end
    leave(report)
  end
  return refusal(report)
end

-- The route of a path and verb, or the problem that there is none.
local function find_route(verb, path)
  local allowed = {}
  for _, route in ipairs(SURFACE.routes) do
    if string.match(path, route.pattern) and (not allowed[1] or route.pattern == allowed.pattern) then
      if route.verb == verb then return route end
      allowed[#allowed + 1], allowed.pattern = route.verb, route.pattern
    end
  end
  if not allowed[1] then
    return nil, {status = 404, code = "NOT_FOUND", detail = "There is nothing at this path.", fix = "See /docs."}
  end
  local allow = table.concat(allowed, ", ")
  local detail = "This path does not take " .. string.sub(verb, 1, 16) .. "."
  return nil, {status = 405, code = "METHOD_NOT_ALLOWED", detail = detail, fix = "Use " .. allow .. ".", allow = allow}
end

local MEDIA = {json = "application/json", form = "application/x-www-form-urlencoded"}

local function check_body(route, content_type, body)
  if route.body == "" then
    if #body == 0 then return nil end
    local fix = "Leave the body out."
    return {status = 400, code = "UNEXPECTED_BODY", detail = "This call takes no body.", fix = fix}
  end
  local expected = MEDIA[route.body]
  local given = string.match(string.lower(content_type), "^%s*([^;%s]*)")
  if given ~= expected and not (given == "" and #body == 0) then
    local detail = "The content type must be " .. expected .. "."
    return {status = 415, code = "UNSUPPORTED_CONTENT_TYPE", detail = detail, field = "content-type",
      fix = "Set content-type: " .. expected .. "."}
  end
  if route.body == "json" and #body > 0 then return check_json(body, route) end
  return nil
end

-- Checks a REST request; returns a problem or nil. `target` is the path with its query.
local function check_request(verb, target, content_type, body)
  local path, query = string.match(target, "^([^?]*)%??(.*)$")
  local route, problem = find_route(verb, path)
  if not route then return problem end
  return check_query(query, route) or check_body(route, content_type, body)
end
