package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

var delayOfLevel = []time.Duration{0, time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second}

func emitReceived(r *run, m *primitive.MessageExt, more map[string]any) {
	fields := content(&m.Message)
	fields["msgId"] = m.MsgId
	fields["offsetMsgId"] = m.OffsetMsgId
	fields["queueId"] = m.Queue.QueueId
	fields["brokerName"] = m.Queue.BrokerName
	fields["queueOffset"] = m.QueueOffset
	fields["storeSize"] = m.StoreSize
	fields["reconsumeTimes"] = m.ReconsumeTimes
	fields["bornTimestamp"] = m.BornTimestamp
	fields["storeTimestamp"] = m.StoreTimestamp
	fields["sysFlag"] = m.SysFlag
	for key, value := range more {
		fields[key] = value
	}
	r.emit("message", fields)
}

type handler func(*primitive.MessageExt) consumer.ConsumeResult

// consume runs a push consumer until count= messages were handled, and then a little to see that no more come.
func consume(r *run, handle handler, options ...consumer.Option) error {
	options = append(options,
		consumer.WithNsResolver(primitive.NewPassthroughResolver([]string{r.text("namesrv", "")})),
		consumer.WithGroupName(r.text("group", "")),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
		consumer.WithInstance(r.text("instance", "go-"+strconv.FormatInt(time.Now().UnixNano(), 36))),
	)
	c, err := rocketmq.NewPushConsumer(options...)
	if err != nil {
		return err
	}
	var lock sync.Mutex
	received := 0
	selector := consumer.MessageSelector{Type: consumer.TAG, Expression: r.text("tags", "*")}
	err = c.Subscribe(r.text("topic", ""), selector,
		func(_ context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
			result := consumer.ConsumeSuccess
			for _, m := range messages {
				if outcome := handle(m); outcome != consumer.ConsumeSuccess {
					result = outcome
				}
			}
			lock.Lock()
			defer lock.Unlock()
			received += len(messages)
			return result, nil
		})
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	defer c.Shutdown()
	count := r.number("count", 1)
	so := func() int {
		lock.Lock()
		defer lock.Unlock()
		return received
	}
	for deadline := time.Now().Add(r.timeout()); so() < count; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("received %d of %d messages", so(), count)
		}
	}
	time.Sleep(500 * time.Millisecond)
	if so() != count {
		return fmt.Errorf("received %d instead of %d messages", so(), count)
	}
	return nil
}

func consumePush(r *run) error {
	return consume(r, func(m *primitive.MessageExt) consumer.ConsumeResult {
		emitReceived(r, m, nil)
		return consumer.ConsumeSuccess
	})
}

func consumeOrderly(r *run) error {
	return consume(r, func(m *primitive.MessageExt) consumer.ConsumeResult {
		emitReceived(r, m, nil)
		return consumer.ConsumeSuccess
	}, consumer.WithConsumerOrder(true))
}

func broadcast(r *run) error {
	return consume(r, func(m *primitive.MessageExt) consumer.ConsumeResult {
		emitReceived(r, m, nil)
		return consumer.ConsumeSuccess
	}, consumer.WithConsumerModel(consumer.BroadCasting))
}

// retry refuses each message once.
func retry(r *run) error {
	return consume(r, func(m *primitive.MessageExt) consumer.ConsumeResult {
		emitReceived(r, m, nil)
		if m.ReconsumeTimes == 0 {
			return consumer.ConsumeRetryLater
		}
		return consumer.ConsumeSuccess
	})
}

// delay sends one message for each level up to levels= and reports how late each came.
func delay(r *run) error {
	p, err := newProducer(r)
	if err != nil {
		return err
	}
	defer p.Shutdown()
	levels := r.number("levels", 2)
	for level := 1; level <= levels; level++ {
		m := message(r, level)
		m.WithDelayTimeLevel(level)
		m.WithProperty("level", strconv.Itoa(level))
		if _, err := p.SendSync(context.Background(), m); err != nil {
			return err
		}
	}
	r.args["count"] = strconv.Itoa(levels)
	early := make(chan error, levels)
	err = consume(r, func(m *primitive.MessageExt) consumer.ConsumeResult {
		level, _ := strconv.Atoi(m.GetProperty("level"))
		stored := time.UnixMilli(m.StoreTimestamp).Sub(time.UnixMilli(m.BornTimestamp).Add(delayOfLevel[level]))
		emitReceived(r, m, map[string]any{"level": level, "lateMillis": stored.Milliseconds()})
		if stored < 0 {
			early <- fmt.Errorf("level %d stored %v early", level, -stored)
		}
		return consumer.ConsumeSuccess
	})
	if err == nil && len(early) > 0 {
		err = <-early
	}
	return err
}

// consumePull reads every queue from its beginning. While its queues are assigned the client may pull some twice: a
// message counts once.
func consumePull(r *run) error {
	c, err := rocketmq.NewPullConsumer(
		consumer.WithNsResolver(primitive.NewPassthroughResolver([]string{r.text("namesrv", "")})),
		consumer.WithGroupName(r.text("group", "")),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
	)
	if err != nil {
		return err
	}
	selector := consumer.MessageSelector{Type: consumer.TAG, Expression: r.text("tags", "*")}
	if err := c.Subscribe(r.text("topic", ""), selector); err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	defer c.Shutdown()
	received := map[string]bool{}
	count := r.number("count", 1)
	for deadline := time.Now().Add(r.timeout()); len(received) < count && time.Now().Before(deadline); {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		result, err := c.Pull(ctx, 32)
		cancel()
		if err != nil {
			// Nothing assigned yet, or nothing there.
			time.Sleep(50 * time.Millisecond)
			continue
		}
		for _, m := range result.GetMessageExts() {
			if !received[m.OffsetMsgId] {
				emitReceived(r, m, nil)
			}
			received[m.OffsetMsgId] = true
		}
	}
	if len(received) != count {
		return fmt.Errorf("pulled %d of %d messages", len(received), count)
	}
	return nil
}
