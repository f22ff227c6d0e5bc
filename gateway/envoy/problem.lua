-- Problems (RFC 9457) and how a google.rpc.Status becomes one.

-- google.rpc.Code to the code of a status that carries no ErrorInfo.
local CODES = {
  [1] = "CANCELLED", [2] = "INTERNAL", [3] = "INVALID_ARGUMENT", [4] = "DEADLINE_EXCEEDED",
  [5] = "NOT_FOUND", [6] = "ALREADY_EXISTS", [7] = "PERMISSION_DENIED", [8] = "RESOURCE_EXHAUSTED",
  [9] = "FAILED_PRECONDITION", [10] = "ABORTED", [11] = "OUT_OF_RANGE", [12] = "UNIMPLEMENTED",
  [13] = "INTERNAL", [14] = "UPSTREAM_UNAVAILABLE", [15] = "DATA_LOSS", [16] = "UNAUTHENTICATED",
}

local TITLES = {
  [400] = "Bad Request", [401] = "Unauthorized", [403] = "Forbidden", [404] = "Not Found",
  [405] = "Method Not Allowed", [409] = "Conflict", [413] = "Content Too Large",
  [415] = "Unsupported Media Type", [429] = "Too Many Requests", [499] = "Client Closed Request",
  [500] = "Internal Server Error", [501] = "Not Implemented", [503] = "Service Unavailable",
  [504] = "Gateway Timeout",
}

local MAX_TEXT = 2000

local function text_of(value)
  return type(value) == "string" and value ~= "" and string.sub(value, 1, MAX_TEXT) or nil
end

-- The JSON of field errors, or nil when there are none.
local function errors_json(errors)
  if not errors or #errors == 0 then return nil end
  local parts = {}
  for _, e in ipairs(errors) do
    parts[#parts + 1] = '{"field":' .. json_quote(e.field) .. ',"message":' .. json_quote(e.message) .. "}"
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

-- The members of a problem as JSON without the closing brace, so that a trace id can follow.
-- `p`: code, status, and where known detail, field, fix, errors.
local function open_problem(p)
  local urn = "urn:assay:problem:" .. string.gsub(string.lower(p.code), "_", "-")
  local parts = {
    '{"type":' .. json_quote(urn),
    '"title":' .. json_quote(TITLES[p.status] or "Error"),
    '"status":' .. p.status,
    '"code":' .. json_quote(p.code),
  }
  for _, name in ipairs({"detail", "field", "fix"}) do
    local text = text_of(p[name])
    if text then parts[#parts + 1] = '"' .. name .. '":' .. json_quote(text) end
  end
  local errors = errors_json(p.errors)
  if errors then parts[#parts + 1] = '"errors":' .. errors end
  return table.concat(parts, ",")
end

-- Whole seconds of a RetryInfo delay such as "1.500s", rounded up; nil when there is none.
local function retry_seconds(delay)
  local seconds = type(delay) == "string" and tonumber(string.match(delay, "^(%d+%.?%d*)s$"))
  return seconds and math.ceil(seconds) or nil
end

local function field_violations(detail)
  local errors = {}
  local list = member(detail, "fieldViolations") or member(detail, "field_violations")
  for _, violation in ipairs(type(list) == "table" and list.items or {}) do
    errors[#errors + 1] = {
      field = text_of(member(violation, "field")) or "",
      message = text_of(member(violation, "description")) or "",
    }
  end
  return errors
end

-- Reads a google.rpc.Status in JSON into a problem and the seconds to wait, if any.
-- A body that is no status gives a problem by the HTTP status alone.
local function problem_of_status(body, http_status)
  local fallback = http_status == 503 and "UPSTREAM_UNAVAILABLE" or "INTERNAL"
  local problem = {status = http_status, code = fallback}
  local ok, status = pcall(json_decode, body)
  if not ok then return problem end
  problem.code = CODES[member(status, "code")] or problem.code
  problem.detail = text_of(member(status, "message"))
  local retry
  local details = member(status, "details")
  for _, detail in ipairs(type(details) == "table" and details.items or {}) do
    local kind = string.match(tostring(member(detail, "@type")), "google%.rpc%.(%a+)$")
    if kind == "ErrorInfo" then
      local metadata = member(detail, "metadata")
      problem.code = text_of(member(detail, "reason")) or problem.code
      problem.field, problem.fix = text_of(member(metadata, "field")), text_of(member(metadata, "fix"))
    elseif kind == "BadRequest" then
      problem.errors = field_violations(detail)
    elseif kind == "RetryInfo" then
      retry = retry_seconds(member(detail, "retryDelay") or member(detail, "retry_delay"))
    end
  end
  local first = problem.errors and problem.errors[1]
  problem.field = problem.field or (first and text_of(first.field))
  return problem, retry
end
