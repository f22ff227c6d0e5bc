-- The two hooks that Envoy calls, listed before the transcoder: requests are checked on their way
-- in, and upstream statuses become problems on their way out. gRPC and gRPC-web pass untouched but
-- for internal headers: they speak google.rpc.Status themselves.

local INTERNAL_HEADERS = {"x-http-status", "grpc-accept-encoding"}
local GRPC_HEADERS = {"grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-encoding"}

-- Exactly the transcoder's own test, so that nothing slips between the two.
local function is_grpc(content_type)
  return content_type == "application/grpc" or string.sub(content_type, 1, 17) == "application/grpc+"
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local content_type = headers:get("content-type") or ""
  if is_grpc(content_type) then return end
  local verb, target = headers:get(":method"), headers:get(":path")
  local body = handle:body() -- yields: what was got from the handle before is stale after it
  local bytes = body and body:getBytes(0, body:length()) or ""
  local problem = check_request(verb, target, content_type, bytes)
  if not problem then return end
  local reply = {[":status"] = tostring(problem.status), ["content-type"] = "application/problem+json"}
  if problem.allow then reply["allow"] = problem.allow end
  handle:respond(reply, open_problem(problem))
end

local function drop(headers, names)
  for _, name in ipairs(names) do headers:remove(name) end
end

-- Puts the trace id into a problem that has none.
local function with_trace(text, headers)
  local trace = headers:get("x-trace-id")
  if not trace or string.find(text, '"trace_id":', 1, true) then return text end
  return (string.gsub(text, "}%s*$", function() return ',"trace_id":' .. json_quote(trace) .. "}" end))
end

-- Envoy's own problems: while a tracer runs, the trace id is known only here.
local function add_trace(handle)
  local body = handle:body(true)
  local headers = handle:headers()
  local text = with_trace(body:getBytes(0, body:length()), headers)
  headers:replace("content-length", tostring(body:setBytes(text)))
end

-- Rewrites the transcoder's google.rpc.Status as a problem.
local function rewrite(handle, status)
  local body = handle:body(true)
  local headers = handle:headers()
  local problem, retry = problem_of_status(body:getBytes(0, body:length()), status)
  local text = with_trace(open_problem(problem) .. "}", headers)
  headers:replace("content-type", "application/problem+json")
  headers:replace("content-length", tostring(body:setBytes(text)))
  if retry then headers:replace("retry-after", tostring(retry)) end
  if status == 401 then headers:replace("www-authenticate", 'Bearer error="invalid_token"') end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local content_type = headers:get("content-type") or ""
  local wanted = headers:get("x-http-status")
  drop(headers, INTERNAL_HEADERS)
  if content_type == "" and headers:get("grpc-status") then
    -- Envoy's own trailers-only reply to gRPC-web: an empty body costs it its content type.
    headers:replace("content-type", "application/grpc-web+proto")
    return
  end
  if string.sub(content_type, 1, 16) == "application/grpc" then return end
  drop(headers, GRPC_HEADERS)
  local status = tonumber(headers:get(":status"))
  if status < 400 then
    -- The service may choose another status (202 Accepted); a body that goes with it is its own.
    if wanted and string.match(wanted, "^[24]%d%d$") then headers:replace(":status", wanted) end
  elseif string.sub(content_type, 1, 16) == "application/json" then
    rewrite(handle, status)
  elseif content_type == "application/problem+json" and headers:get("x-trace-id") then
    add_trace(handle)
  end
end
