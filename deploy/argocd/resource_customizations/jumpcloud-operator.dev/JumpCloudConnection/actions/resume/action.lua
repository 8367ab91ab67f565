-- Not nil: Argo CD makes a merge patch of what differs, and a field that is taken away would be patched with null.
obj.spec.paused = false
return obj
