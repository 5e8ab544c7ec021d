package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/admin"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

func newProducer(r *run, options ...producer.Option) (rocketmq.Producer, error) {
	options = append(options,
		producer.WithNsResolver(primitive.NewPassthroughResolver([]string{r.text("namesrv", "")})),
		producer.WithGroupName(r.text("group", "go-producer")),
		producer.WithRetry(2),
		producer.WithSendMsgTimeout(20*time.Second),
	)
	p, err := rocketmq.NewProducer(options...)
	if err != nil {
		return nil, err
	}
	return p, p.Start()
}

func message(r *run, index int) *primitive.Message {
	body := []byte("message " + strconv.Itoa(index))
	if size := r.number("size", 0); size > 0 {
		body = []byte(strings.Repeat(string(body)+" ", size/len(body)+1))[:size]
	}
	if r.text("body", "text") == "unicode" {
		body = []byte("Grüße, 你好, こんにちは, 🚀 " + strconv.Itoa(index))
	}
	m := primitive.NewMessage(r.text("topic", ""), body)
	if tags := r.text("tags", ""); tags != "" {
		all := strings.Split(tags, ",")
		m.WithTag(all[index%len(all)])
	}
	if prefix := r.text("keys", ""); prefix != "" {
		m.WithKeys([]string{prefix + strconv.Itoa(index)})
	}
	m.WithProperty("unicode", "Straße 東京 😀")
	return m
}

func content(m *primitive.Message) map[string]any {
	digest := sha256.Sum256(m.Body)
	// The log compares the absent with the absent: no tag is null, as the Java driver prints it.
	var tags any
	if m.GetTags() != "" {
		tags = m.GetTags()
	}
	return map[string]any{
		"topic": m.Topic, "tags": tags, "keys": m.GetKeys(), "flag": m.Flag, "properties": m.GetProperties(),
		"bodyLength": len(m.Body), "bodySha256": hex.EncodeToString(digest[:]),
	}
}

func emitSent(r *run, index int, m *primitive.Message, result *primitive.SendResult) error {
	fields := content(m)
	fields["index"] = index
	if result != nil {
		if result.Status != primitive.SendOK {
			return fmt.Errorf("status %v", result)
		}
		fields["msgId"] = result.MsgID
		fields["offsetMsgId"] = result.OffsetMsgID
		fields["queueId"] = result.MessageQueue.QueueId
		fields["brokerName"] = result.MessageQueue.BrokerName
		fields["queueOffset"] = result.QueueOffset
	}
	r.emit("sent", fields)
	return nil
}

func produceSync(r *run) error {
	p, err := newProducer(r)
	if err != nil {
		return err
	}
	defer p.Shutdown()
	for i := 0; i < r.number("count", 1); i++ {
		m := message(r, i)
		result, err := p.SendSync(context.Background(), m)
		if err != nil {
			return err
		}
		if err := emitSent(r, i, m, result); err != nil {
			return err
		}
	}
	return nil
}

func produceAsync(r *run) error {
	p, err := newProducer(r)
	if err != nil {
		return err
	}
	defer p.Shutdown()
	var open sync.WaitGroup
	failures := make(chan error, r.number("count", 1))
	for i := 0; i < r.number("count", 1); i++ {
		m := message(r, i)
		open.Add(1)
		err := p.SendAsync(context.Background(), func(_ context.Context, result *primitive.SendResult, err error) {
			defer open.Done()
			if err == nil {
				err = emitSent(r, i, m, result)
			}
			if err != nil {
				failures <- err
			}
		}, m)
		if err != nil {
			return err
		}
	}
	open.Wait()
	if len(failures) > 0 {
		return <-failures
	}
	return nil
}

func produceOneway(r *run) error {
	p, err := newProducer(r)
	if err != nil {
		return err
	}
	defer p.Shutdown()
	for i := 0; i < r.number("count", 1); i++ {
		m := message(r, i)
		if err := p.SendOneWay(context.Background(), m); err != nil {
			return err
		}
		if err := emitSent(r, i, m, nil); err != nil {
			return err
		}
	}
	time.Sleep(300 * time.Millisecond)
	return nil
}

// produceSelector gives all messages of a key the same queue and numbers them.
func produceSelector(r *run) error {
	p, err := newProducer(r, producer.WithQueueSelector(producer.NewHashQueueSelector()))
	if err != nil {
		return err
	}
	defer p.Shutdown()
	keys := r.number("selectorKeys", 10)
	for i := 0; i < r.number("count", 1); i++ {
		m := message(r, i)
		m.WithShardingKey("shard-" + strconv.Itoa(i%keys))
		m.WithProperty("key", strconv.Itoa(i%keys))
		m.WithProperty("step", strconv.Itoa(i/keys))
		result, err := p.SendSync(context.Background(), m)
		if err != nil {
			return err
		}
		if err := emitSent(r, i, m, result); err != nil {
			return err
		}
	}
	return nil
}

func produceBatch(r *run) error {
	p, err := newProducer(r)
	if err != nil {
		return err
	}
	defer p.Shutdown()
	size := r.number("batch", 10)
	for from := 0; from < r.number("count", 1); from += size {
		var batch []*primitive.Message
		for i := from; i < min(from+size, r.number("count", 1)); i++ {
			batch = append(batch, message(r, i))
		}
		result, err := p.SendSync(context.Background(), batch...)
		if err != nil {
			return err
		}
		for i, m := range batch {
			if err := emitSent(r, from+i, m, result); err != nil {
				return err
			}
		}
	}
	return nil
}

// createTopic creates a topic at broker= with queues= queues.
func createTopic(r *run) error {
	a, err := admin.NewAdmin(admin.WithResolver(primitive.NewPassthroughResolver([]string{r.text("namesrv", "")})))
	if err != nil {
		return err
	}
	defer a.Close()
	queues := r.number("queues", 4)
	return a.CreateTopic(context.Background(), admin.WithTopicCreate(r.text("topic", "")),
		admin.WithBrokerAddrCreate(r.text("broker", "")), admin.WithReadQueueNums(queues),
		admin.WithWriteQueueNums(queues))
}
