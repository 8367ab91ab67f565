-- Whether the users are in JumpCloud as declared. The conditions table of the reference decides.
local health = {status = "Progressing", message = "waiting for jumpcloud-operator to look at this version of the object"}

local conditions = {}
if obj.status ~= nil and obj.status.conditions ~= nil then
  for _, condition in ipairs(obj.status.conditions) do
    conditions[condition.type] = condition
  end
end

-- Conditions of another generation say nothing about the spec that is there now.
local ready = conditions.Ready
if ready == nil or ready.observedGeneration ~= obj.metadata.generation then
  return health
end

local is_true = function(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end

health.message = ready.reason .. ": " .. ready.message
-- Counts are kept when a spec is refused; they are of the list before it then.
if obj.status.progress ~= nil and obj.status.observedGeneration == obj.metadata.generation then
  health.message = health.message .. " (" .. obj.status.progress .. ")"
end
if is_true("Stalled") then
  health.status = "Degraded"
elseif is_true("Reconciling") then
  -- Somebody has to say go on; everything else that is waited for comes by itself.
  if ready.reason == "Paused" or ready.reason == "AwaitingApproval" then
    health.status = "Suspended"
  end
elseif ready.status == "True" then
  health.status = "Healthy"
end
return health
