//! A graph together with its parameters: something that predicts.

use mixpress_tensor::{Mode, Pool, Tape, Tensor};

use crate::{Error, Graph, Parameters};

/// A network that predicts.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    graph: Graph,
    parameters: Parameters,
}

impl Network {
    /// Joins a graph and its parameters.
    ///
    /// # Errors
    ///
    /// As [`Parameters::new`], when they do not belong together.
    pub fn new(graph: Graph, parameters: Parameters) -> Result<Self, Error> {
        let parameters = Parameters::new(&graph, parameters.into_tensors())?;
        Ok(Self { graph, parameters })
    }

    /// The operators.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The numbers.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Both parts.
    #[must_use]
    pub fn into_parts(self) -> (Graph, Parameters) {
        (self.graph, self.parameters)
    }

    /// Shape of one input sample.
    #[must_use]
    pub fn input_shape(&self) -> &[usize] {
        self.graph.input_shape()
    }

    /// Number of outputs for one sample.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.graph.output_len()
    }

    /// The network's outputs `[N, outputs]` (logits, for a classifier) for a batch `[N, ...]`, in inference mode.
    ///
    /// The samples may come in any shape with as many elements as the network's input.
    ///
    /// # Errors
    ///
    /// [`Error::Batch`] when the samples have another number of elements.
    #[allow(clippy::missing_panics_doc, reason = "it cannot")]
    pub fn predict(&self, batch: &Tensor) -> Result<Tensor, Error> {
        let (input, got) = (self.input_shape(), batch.shape());
        let features: usize = input.iter().product();
        let samples = match got {
            [samples, item @ ..] if !item.is_empty() && item.iter().product::<usize>() == features => *samples,
            _ => return Err(Error::Batch { expected: input.to_vec(), got: got.to_vec() }),
        };
        let pool = Pool::new();
        let mut outputs = Vec::with_capacity(samples * self.output_len());
        for chunk in batch.data().chunks(self.graph.samples_a_pass() * features) {
            let shape = [&[chunk.len() / features], input].concat();
            let chunk = Tensor::new(&shape, chunk.to_vec()).expect("whole samples");
            let mut tape = Tape::new(&pool, Mode::Inference);
            let x = tape.input(chunk);
            let y = self.graph.infer(&self.parameters, &mut tape, x);
            outputs.extend_from_slice(tape.value(y));
        }
        Ok(Tensor::new(&[samples, self.output_len()], outputs).expect("one output a sample and class"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, rng};
    use crate::{Conv, Definition, Dense, Dropout, zoo};

    fn digits() -> Network {
        let graph = zoo::digits_mlp().lower(&[1, 8, 8]).unwrap();
        let parameters = Parameters::he_normal(&graph, &mut rng(3));
        Network::new(graph, parameters).unwrap()
    }

    #[test]
    fn a_large_batch_is_predicted_as_sample_by_sample() {
        let network = digits();
        let a_pass = network.graph().samples_a_pass();
        let samples = batch(network.graph(), 2 * a_pass + 5, 1);
        let together = network.predict(&samples).unwrap();
        assert_eq!(together.shape(), [2 * a_pass + 5, 10]);
        for sample in [0, a_pass, 2 * a_pass + 4] {
            let one = Tensor::new(&[1, 64], samples.data()[sample * 64..][..64].to_vec()).unwrap();
            let alone = network.predict(&one).unwrap();
            mixpress_testing::assert_close(alone.data(), &together.data()[sample * 10..][..10], 1e-5, 1e-5);
        }
        assert_eq!(network.predict(&Tensor::zeros(&[0, 64])).unwrap().shape(), [0, 10]);
    }

    #[test]
    fn networks_with_large_values_take_fewer_samples_at_once() {
        let wide = Definition::new("wide").with(Conv { padding: [2000; 2], ..Conv::new(1, 1) });
        let graph = wide.lower(&[1, 28, 28]).unwrap();
        assert_eq!(graph.samples_a_pass(), 8);
        let wider = Definition::new("wider").with(Conv { padding: [8000; 2], ..Conv::new(1, 1) });
        assert!(matches!(wider.lower(&[1, 28, 28]), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn batches_of_other_shapes_are_refused() {
        let network = digits();
        for shape in [&[][..], &[64], &[2, 63], &[2, 1, 8, 9]] {
            let error = network.predict(&Tensor::zeros(shape)).unwrap_err();
            assert_eq!(error, Error::Batch { expected: vec![1, 8, 8], got: shape.to_vec() });
        }
    }

    #[test]
    fn prediction_drops_nothing() {
        let definition = Definition::new("dropping").with(Dropout { probability: 0.9 }).with(Dense::new(4));
        let graph = definition.lower(&[6]).unwrap();
        let mut parameters = Parameters::neutral(&graph);
        parameters[0].data_mut().fill(1.0);
        let network = Network::new(graph, parameters).unwrap();
        assert_eq!(network.predict(&Tensor::full(&[1, 6], 1.0)).unwrap().data(), [6.0; 4]);
    }

    #[test]
    fn parameters_of_another_graph_are_refused() {
        let other = zoo::digits_mlp().lower(&[63]).unwrap();
        let network = Network::new(digits().graph().clone(), Parameters::neutral(&other));
        assert!(matches!(network, Err(Error::ParameterShape { .. })));
    }
}
