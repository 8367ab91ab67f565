-- Whether JumpCloud has accepted the change of every user, and later, whether every user has got the state. A date next year
-- is healthy as soon as it is scheduled. The conditions table of the reference decides.
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
-- Something in JumpCloud stands against it. That is for a person to read and changes nothing of the object's own work.
if is_true("Conflicting") then
  health.message = health.message .. "; " .. conditions.Conflicting.reason .. ": " .. conditions.Conflicting.message
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
