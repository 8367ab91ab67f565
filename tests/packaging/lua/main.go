// Program lua runs Lua scripts as Argo CD does: the same interpreter, the same libraries, the same time limit, and the
// same encoder for what a script returns.
//
// It reads questions from standard input, one JSON document a line, and answers each with one line:
//
//	{"script":"return obj.spec","object":{"spec":{"paused":true}}}
//	{"result":{"paused":true}}
//	{"error":"what is wrong"}
//
// A script finds the object in the global obj. A Lua table that is empty may have been a map or a list; where the object
// had a map in that place, the result has one.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	lua "github.com/yuin/gopher-lua"
	luajson "layeh.com/gopher-json"
)

// limit is what Argo CD gives a script.
const limit = time.Second

type question struct {
	Script string         `json:"script"`
	Object map[string]any `json:"object"`
}

type answer struct {
	Result any    `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

func main() {
	if err := converse(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "lua:", err)
		os.Exit(1)
	}
}

func converse(in io.Reader, out io.Writer) error {
	answers := json.NewEncoder(out)
	// Not a Scanner: an object may be longer than any line that it takes.
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			if err := answers.Encode(reply(line)); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func reply(line []byte) answer {
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: err.Error()}
	}
	result, err := run(asked)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Result: mapsKept(result, asked.Object)}
}

func run(asked question) (any, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	// No string, math or io: a customisation has them only where useOpenLibs is set, and actions never have.
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage},
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
	} {
		state.Push(state.NewFunction(library.open))
		state.Push(lua.LString(library.name))
		if err := state.PCall(1, 0, nil); err != nil {
			return nil, err
		}
	}
	state.PreloadModule(lua.OsLibName, clock)

	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", value(state, asked.Object))
	if err := state.DoString(asked.Script); err != nil {
		return nil, err
	}
	returned := state.Get(-1)
	if returned.Type() != lua.LTTable {
		return nil, fmt.Errorf("the script returned a %s, not a table", returned.Type())
	}
	encoded, err := luajson.Encode(returned)
	if err != nil {
		return nil, err
	}
	var result any
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	if err := decoder.Decode(&result); err != nil {
		return nil, err
	}
	return result, nil
}

// clock is what require("os") gives: of the interpreter's own library only time and date. There is no global os.
func clock(state *lua.LState) int {
	whole := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer whole.Close()
	whole.Push(whole.NewFunction(lua.OpenOs))
	whole.Push(lua.LString(lua.OsLibName))
	whole.Call(1, 1)
	library := whole.CheckTable(-1)
	functions := map[string]lua.LGFunction{}
	for _, name := range []string{"time", "date"} {
		if function, ok := library.RawGetString(name).(*lua.LFunction); ok && function.IsG {
			functions[name] = function.GFunction
		}
	}
	state.Push(state.SetFuncs(state.NewTable(), functions))
	return 1
}

// value gives Lua's form of a JSON value.
func value(state *lua.LState, from any) lua.LValue {
	switch from := from.(type) {
	case bool:
		return lua.LBool(from)
	case float64:
		return lua.LNumber(from)
	case string:
		return lua.LString(from)
	case []any:
		list := state.CreateTable(len(from), 0)
		for _, item := range from {
			list.Append(value(state, item))
		}
		return list
	case map[string]any:
		table := state.CreateTable(0, len(from))
		for key, item := range from {
			table.RawSetString(key, value(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}

// mapsKept gives the result with an empty map wherever the object has a map and the encoder made an empty list.
func mapsKept(result, object any) any {
	switch result := result.(type) {
	case map[string]any:
		before, _ := object.(map[string]any)
		for key, item := range result {
			result[key] = mapsKept(item, before[key])
		}
		return result
	case []any:
		switch before := object.(type) {
		case map[string]any:
			if len(result) == 0 {
				return before
			}
		case []any:
			for i, item := range result {
				if i < len(before) {
					result[i] = mapsKept(item, before[i])
				}
			}
		}
		return result
	default:
		return result
	}
}
