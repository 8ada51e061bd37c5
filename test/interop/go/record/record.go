// Package record: the JSON lines that suite/clients.py reads and writes.
package record

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
)

// Text may be absent, which is not the same as empty.
type Text struct{ S *string }

func (t *Text) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &t.S) }
func (t Text) MarshalJSON() ([]byte, error)  { return json.Marshal(t.S) }

func (t Text) Bytes() []byte {
	if t.S == nil {
		return nil
	}
	return []byte(*t.S)
}

type Record struct {
	Partition *int        `json:"partition,omitempty"`
	Offset    int64       `json:"offset"`
	Key       Text        `json:"key"`
	Value     Text        `json:"value"`
	Headers   [][2]string `json:"headers"`
}

func text(b []byte) Text {
	if b == nil {
		return Text{}
	}
	s := string(b)
	return Text{&s}
}

func New(partition int32, offset int64, key, value []byte) *Record {
	p := int(partition)
	return &Record{&p, offset, text(key), text(value), [][2]string{}}
}

func (r *Record) Header(key string, value []byte) {
	r.Headers = append(r.Headers, [2]string{key, string(value)})
}

func (r *Record) Say() { Say(r) }

func ReadAll(in io.Reader) (all []Record) {
	for d := json.NewDecoder(in); ; {
		var r Record
		if err := d.Decode(&r); err == io.EOF {
			return all
		} else if err != nil {
			log.Fatal("Error: ", err)
		}
		all = append(all, r)
	}
}

func Assigned(partitions []int32) {
	if partitions == nil {
		partitions = []int32{}
	}
	Say(map[string][]int32{"assigned": partitions})
}

func Say(what any) {
	b, err := json.Marshal(what)
	if err != nil {
		log.Fatal("Error: ", err)
	}
	fmt.Println(string(b))
}
