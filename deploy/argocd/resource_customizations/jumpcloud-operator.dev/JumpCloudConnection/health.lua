-- Whether the organisation can be reached with the key. The conditions table of the reference decides.
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
if is_true("Stalled") then
  health.status = "Degraded"
elseif is_true("Reconciling") then
  health.status = "Progressing"
elseif ready.status == "True" then
  health.status = "Healthy"
  -- The emergency stop: the connection works, and nothing is written through it.
  if obj.spec.paused == true then
    health.status = "Suspended"
  end
end
return health
