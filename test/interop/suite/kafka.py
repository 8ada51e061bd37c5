"""A real Apache Kafka of one node, from the jars of java/tools.xml."""
import os
import socket

from suite import Process


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Kafka:
    def __init__(self, java):
        case = java.case
        self.address = "127.0.0.1:%d" % free_port()
        controller = "127.0.0.1:%d" % free_port()
        conf = case.path("kafka.properties", "\n".join([
            "process.roles=broker,controller",
            "node.id=1",
            "controller.quorum.voters=1@" + controller,
            "controller.listener.names=CONTROLLER",
            "listeners=PLAINTEXT://%s,CONTROLLER://%s" % (self.address,
                                                          controller),
            "advertised.listeners=PLAINTEXT://" + self.address,
            "log.dirs=" + os.path.join(case.folder, "kafka-data"),
            "offsets.topic.replication.factor=1",
            "offsets.topic.num.partitions=4",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            "transaction.state.log.num.partitions=4",
            "share.coordinator.state.topic.replication.factor=1",
            "share.coordinator.state.topic.min.isr=1",
            "group.initial.rebalance.delay.ms=0"]))
        java.run("storage", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c",
                 conf)
        say = "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info"
        self.program = Process(case, "kafka", java.argv("kafka", conf,
                                                        options=[say]))
        self.program.wait_for("Apache Kafka is ready", lambda:
                              "Kafka Server started" in self.program.err(),
                              120)
